"""What the examples share: settings, the paper's molecules, packings, measures, the report."""
