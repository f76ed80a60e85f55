"""Features of a reader's table: numbers and categories with gaps, encoded for a learner by scikit-learn."""

__all__ = ["encoder", "described"]

_RARE = 0.02        # a category below this share of the rows is merged with the other rare ones


def _numbers(frame):
    return [name for name in frame if frame[name].dtype.kind == "f"]


def _missing(block):
    """1 where a number is missing, else 0."""
    return block.isna().astype(float)


def _missing_names(_, names):
    return [f"{name} missing" for name in names]


def _level_name(name, level):
    return f"{name}: {'other' if level == 'infrequent_sklearn' else level}"


def encoder(frame):
    """What turns features into a matrix; it is to be fitted on the rows that a learner is trained on, and on no others.

    A number's gaps are filled with the median, marked in a column of their own, and the number is standardised. A category
    becomes a column of 0 and 1 per level; levels in under 2% of the rows are one, `other`, and a gap is a level.

    Parameters
    ----------
    frame : pandas.DataFrame
        Features as `read_csv` gives them.

    Returns
    -------
    sklearn.compose.ColumnTransformer
        Not fitted; `get_feature_names_out` then gives names a person can read.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    numbers = _numbers(frame)
    gaps = [name for name in numbers if frame[name].isna().any()]
    levels = OneHotEncoder(min_frequency=_RARE, handle_unknown="infrequent_if_exist", sparse_output=False,
                           feature_name_combiner=_level_name)
    return ColumnTransformer([
        ("numbers", make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()), numbers),
        ("gaps", FunctionTransformer(_missing, feature_names_out=_missing_names), gaps),
        ("levels", make_pipeline(SimpleImputer(strategy="constant", fill_value="missing", missing_values=None), levels),
         [name for name in frame if name not in numbers]),
    ], verbose_feature_names_out=False)


def described(frame):
    """A table of features: name, kind, gaps, and range or levels.

    Parameters
    ----------
    frame : pandas.DataFrame
        Features as `read_csv` gives them.

    Returns
    -------
    pandas.DataFrame
        A row per feature.
    """
    import pandas as pd

    numbers, rows = _numbers(frame), []
    for name in frame:
        column = frame[name]
        if name in numbers:
            values = f"{column.min():.4g} to {column.max():.4g}, median {column.median():.4g}"
        else:
            counts = column.value_counts()
            values = ", ".join(map(str, counts.index[:4])) + (f" and {len(counts) - 4} more" if len(counts) > 4 else "")
        rows.append({"feature": name, "kind": "number" if name in numbers else "category",
                     "gaps": int(column.isna().sum()), "values": values})
    return pd.DataFrame(rows)
