"""Shows a figure in the gallery that is a block's last value and was made without pyplot."""

from sphinx_gallery.scrapers import figure_rst

_SHOWN: set[int] = set()


def _scrape(block, block_vars, gallery_conf):
    """Save the figure that the block ends in, and return the text that shows it."""
    from matplotlib.figure import Figure

    last = block_vars["example_globals"].get("___")
    # Figures of pyplot have a number and are taken by the gallery's own scraper.
    if not isinstance(last, Figure) or hasattr(last, "number") or id(last) in _SHOWN:
        return ""
    _SHOWN.add(id(last))
    path = next(block_vars["image_path_iterator"])
    last.savefig(path, dpi=90)
    return figure_rst([path], gallery_conf["src_dir"])


def _get_sg_image_scraper():
    return _scrape
