"""Keep the site plain: no code that would run notebooks from other hosts, and a stated colour scheme.

Jupyter Book always loads sphinx_thebe, which puts its script (twice, an error in the console) with an address of another
host on every page, asked for or not.
"""


def _without_thebe(app, config):
    for listeners in app.events.listeners.values():
        for listener in [one for one in listeners if one.handler.__module__.startswith("sphinx_thebe")]:
            app.disconnect(listener.id)
    app.registry.css_files[:] = [item for item in app.registry.css_files if item[0] != "sphinx-thebe.css"]


def _colour_scheme(app, page, template, context, doctree):
    context["default_mode"] = "auto"    # as the reader's system says; the theme expects it to be set


def setup(app):
    """Register with Sphinx."""
    app.connect("config-inited", _without_thebe)
    app.connect("html-page-context", _colour_scheme)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
