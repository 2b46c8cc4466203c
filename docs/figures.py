"""Shows figures in the gallery that are a block's last value and were made without pyplot."""

from sphinx_gallery.scrapers import figure_rst

_SHOWN: set[int] = set()


def _scrape(block, block_vars, gallery_conf):
    """Save the figure or list of figures that the block ends in, and return what shows them."""
    from matplotlib.figure import Figure

    last = block_vars["example_globals"].get("___")
    paths = []
    for figure in last if isinstance(last, list) else [last]:
        # Figures of pyplot have a number and are taken by the gallery's own scraper.
        made_without_pyplot = isinstance(figure, Figure) and not hasattr(figure, "number")
        if made_without_pyplot and id(figure) not in _SHOWN:
            _SHOWN.add(id(figure))
            paths.append(next(block_vars["image_path_iterator"]))
            figure.savefig(paths[-1], dpi=90)
    return "\n".join(figure_rst([path], gallery_conf["src_dir"]) for path in paths)


def _get_sg_image_scraper():
    return _scrape
