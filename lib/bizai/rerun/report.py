"""The report of a run: one self-contained HTML file for a reader who wants the answer, not the derivation."""

import base64
import copy
from html import escape
from importlib.resources import files
from itertools import takewhile

__all__ = ["report", "quantity", "template"]


def quantity(value, unit):
    """A recorded value with its unit as a person reads it: four significant digits, shares and yearly rates in percent."""
    if value in ("nan", "inf", None):
        return {"nan": "none", "inf": "never", None: "not set"}[value]
    if isinstance(value, float):
        if unit in ("share", "per year"):
            return f"{value:.4g}" if abs(value) >= 10 else f"{100 * value:.4g}% {unit}".removesuffix(" share")
        value = f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}"
    return f"{value} {unit}".rstrip()


def _for_html(output):
    """The output as the report shows it: figures as images with their alternative text."""
    data = output.get("data", {})
    if "image/svg+xml" in data:
        image = base64.b64encode("".join(data["image/svg+xml"]).encode()).decode()
        alt = escape("".join(data.get("text/plain", "")))
        output["data"] = type(data)({"text/html": f'<img alt="{alt}" src="data:image/svg+xml;base64,{image}">'})
    return output


def _is_visible(output):
    """Whether an output holds more than payloads for machines; printed text is no part of a report."""
    return any(not mime.startswith("application/vnd.bizai") for mime in output.get("data", {}))


def _is_whole(cell):
    """Whether a cell ran to its end, if it is one that runs."""
    return cell.cell_type != "code" or not cell.source.strip() or (
        cell.execution_count is not None and not any(output.output_type == "error" for output in cell.outputs))


def _body(notebook, code):
    """HTML of the cells tagged `report`."""
    from nbconvert import HTMLExporter

    chosen = copy.deepcopy(notebook)
    chosen.cells = [cell for cell in takewhile(_is_whole, chosen.cells) if "report" in cell.metadata.get("tags", [])]
    for cell in chosen.cells:
        if cell.cell_type == "code":
            cell.outputs = [_for_html(output) for output in cell.outputs if _is_visible(output)]
    exporter = HTMLExporter(template_name="basic", exclude_input=not code, exclude_input_prompt=True,
                            exclude_output_prompt=True, exclude_anchor_links=True)
    return exporter.from_notebook_node(chosen)[0]


def template(name):
    """A page's template of this package, which escapes what it shows."""
    from jinja2 import Environment, FunctionLoader

    folder = files(__package__)
    loader = FunctionLoader(lambda part: folder.joinpath(part).read_text(encoding="utf-8"))
    return Environment(autoescape=True, loader=loader).get_template(name)


def report(chapter, notebook, results, *, code=False):
    """HTML text of a run's report.

    Parameters
    ----------
    chapter : Chapter
    notebook : nbformat.NotebookNode
        The executed notebook; its cells tagged ``report`` are shown.
    results : dict
        What goes into results.json, or into failure.json with no records.
    code : bool
        Whether the code of those cells is shown too.
    """
    from markupsafe import Markup

    from bizai.chapter.parameters import unit

    fields = chapter.inputs.Parameters.model_fields
    row_model = chapter.inputs.Row.select(chapter.inputs.Parameters.model_construct(**results["parameters"]))
    return template("report.html.j2").render(
        title=chapter.title, results=results, body=Markup(_body(notebook, code)), quantity=quantity,
        headlines=[r for r in results["records"].values() if r["headline"]],
        parameters=[(fields[name].description, name, quantity(value, unit(fields[name])), value == chapter.defaults[name])
                    for name, value in results["parameters"].items() if name != "data_file"],
        data=results["parameters"]["data_file"] or f"the bundled sample {row_model.sample()} (synthetic)")
