"""What the reruns of the chapters are tried with: wrong inputs and their sentences, and awkward files that have to work."""

import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

__all__ = ["BIN", "CHAPTERS", "OWN", "ROOT", "WRONG", "bizai", "run"]

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


CHAPTERS = ["gradient_descent", "svm_dual", "kmeans", "backpropagation", "lstm", "collaborative_filtering", "matrix_factorisation",
            "arima", "var", "queueing", "npv_irr"]


def bizai(*words, cwd):
    """Run the command line."""
    return subprocess.run([BIN / "bizai", *map(str, words)], cwd=cwd, capture_output=True, text=True)


def run(*words, cwd):
    """Run a chapter that has to succeed; the folder and its results."""
    done = bizai("run", *words, cwd=cwd)
    assert done.returncode == 0, done.stderr
    folder = Path(done.stdout.splitlines()[-1])
    assert sorted(p.name for p in folder.iterdir() if p.suffix != ".csv") == ["notebook.ipynb", "report.html", "results.json"]
    return folder, json.loads((folder / "results.json").read_text())


def days(count, step=1):
    """Dates from a Monday on."""
    return [str(date(2025, 1, 6) + timedelta(days=step * i)) for i in range(count)]


CALLS = "arrival_time,handling_seconds\n"
FLOWS = "period,revenue,cost,depreciation\n"
CASES = "left,fee,plan\n" + "".join(f"{int(i % 3 == 0)},{10 + 7 * i % 23},{'abc'[i % 3 - i % 2]}\n" for i in range(40))
LATE = CASES.replace("left,", "late,", 1)
SALES, AMOUNT = "customer,date,amount\n", "amount must be a number >= -1,000,000,000 and <= 1,000,000,000, got"
PLANS = "usage,outcome\n"
SERIES, LOANS = "date,demand\n", "text,repaid\n"
HANDLING = "line 2: handling_seconds must be a number > 0 and <= 1,000,000, got"
REVENUE = "revenue must be a number >= 0 and <= 1,000,000,000,000, got"
RATED = "user,item,rating\n"
PAIRS = [f"u{i % 9},i{i % 7}" for i in range(60)]
STARS = RATED + "".join(f"u{k % 9},i{k * 7 % 13},{1 + (k * k + k // 9) % 5}\n" for k in range(70))
MONTHS, VALUES = [f"{2020 + i // 12}-{i % 12 + 1:02d}" for i in range(60)], "date,sales\n"
INDICATORS = "week,advertising,revenue\n"
WEEKS = [f"{date(2024, 1, 1) + timedelta(weeks=i)},{50 + i * 37 % 23},{900 + i * 61 % 97}\n" for i in range(60)]

# chapter, words of the command line, content of own.csv (None: no file), and what the refusal has to say
WRONG = [
    ("queueing", ["-p", "arival_rate=30"], None, "unknown parameter 'arival_rate': did you mean 'arrival_rate'?"),
    ("queueing", ["-p", "servers=0"], None, "servers must be an integer >= 1"),
    ("queueing", ["-p", "servers=2.5"], None, "servers must be an integer >= 1"),
    ("queueing", ["-p", "arrival_rate=1000"], None, "unstable queue: arrival_rate 1000 >= servers*service_rate"),
    ("queueing", ["-p", "arrival_rate=abc"], None, "arrival_rate must be a number > 0 and <= 1,000,000, got 'abc'"),
    ("queueing", ["--data", "none.csv"], None, "data file none.csv does not exist"),
    ("queueing", ["--data", "own.csv"], "", "data file own.csv is empty"),
    ("queueing", ["--data", "own.csv"], "\0\1\2", "data file own.csv is not a text file in UTF-8"),
    ("queueing", ["--data", "own.csv"], "arrival_time\n2026-03-02 09:00:00\n", "lacks the column handling_seconds"),
    ("queueing", ["--data", "own.csv"], CALLS + "2026-03-02 09:00:00,long\n", HANDLING + " 'long'"),
    ("queueing", ["--data", "own.csv"], CALLS + "2026-03-02 09:00:00,nan\n", HANDLING + " 'nan'"),
    ("queueing", ["--data", "own.csv"], CALLS + "2026-03-02 09:00:00,-1\n", HANDLING + " '-1'"),
    ("queueing", ["--data", "own.csv", "-p", "days=weekends"], CALLS + "2026-03-02 09:00:00,60\n" * 40,
     "it has 0 calls (days=weekends); at least 30 are needed"),
    ("npv_irr", ["--data", "own.csv"], FLOWS + "2,1,1,1\n1,1,1,1\n", "line 2: period must be 1"),
    ("npv_irr", ["--data", "own.csv"], FLOWS + "1,1,1,1\n1,1,1,1\n", "line 3: period must be 2"),
    ("npv_irr", ["--data", "own.csv"], FLOWS + '1,"1,5",1,1\n', REVENUE + " '1,5' (write decimals with a point)"),
    ("npv_irr", ["--data", "own.csv"], FLOWS + "1,1,5,1,1\n", "line 2 has 5 fields, the header has 4 (a decimal comma?"),
    ("gradient_descent", ["-p", "success_share=25"], None, "success_share must be a number > 0 and <= 1, got '25' (write 25% as 0.25)"),
    ("gradient_descent", ["-p", "l2=0"], None, "l2 must be a number >= 1e-06 and <= 100"),
    ("gradient_descent", ["-p", "target_column=churned"], None, "it lacks the column churned, which target_column names"),
    ("gradient_descent", ["--data", "own.csv"], CASES.replace("\n1,", "\nyes,", 1), "left must be an integer >= 0 and <= 1, got 'yes'"),
    ("gradient_descent", ["--data", "own.csv"], "\n".join(CASES.split("\n")[:20]), "left has 19 rows with 0 or 1; at least 30 are needed"),
    ("gradient_descent", ["--data", "own.csv"], "left,fee\n" + "0,1\n1,2\n" * 3 + "0,3\n" * 40, "left has 3 rows of one of the values 0 and 1"),
    ("gradient_descent", ["--data", "own.csv", "-p", "features=fee,age"], CASES, "lacks the column age"),
    ("svm_dual", ["-p", "cots=1"], None, "unknown parameter 'cots': did you mean 'cost'?"),
    ("svm_dual", ["-p", "kernel=cubic"], None, "kernel must be one of 'rbf', 'linear', 'poly', got 'cubic'"),
    ("svm_dual", ["--data", "own.csv"], LATE + "2,5,a\n", "line 42: late must be an integer >= 0 and <= 1, got '2'"),
    ("svm_dual", ["--data", "own.csv"], LATE.replace(",17,", ",17 EUR,", 1), "fee must be a number as in the other rows, got '17 EUR'"),
    ("kmeans", ["-p", "segments=9"], None, "segments must be <= most_segments 8, got 9"),
    ("kmeans", ["-p", "end_date=31.12.2025"], None, "end_date must be a date (YYYY-MM-DD) or empty, got '31.12.2025'"),
    ("kmeans", ["-p", "date_column=customer"], None, "customer_column, date_column and amount_column must differ"),
    ("kmeans", ["--data", "own.csv", "-p", "customer_column=client"], SALES + "c1,2026-03-02,10\n", "lacks the column client"),
    ("kmeans", ["--data", "own.csv"], SALES + "c1,02/03/2026,10\n", "line 2: date must be a date (YYYY-MM-DD), got '02/03/2026'"),
    ("kmeans", ["--data", "own.csv"], SALES + 'c1,2026-03-02,"1,250"\n', f"line 2: {AMOUNT} '1,250' (leave out the marks"),
    ("kmeans", ["--data", "own.csv"], SALES + "c1,2026-03-02,10\nc2,2026-03-05,-3\n",
     "1 customers bought something in the 12 months up to 2026-03-05; at least 30 are needed"),
    ("backpropagation", ["-p", "activation=swish"], None, "activation must be one of 'relu', 'tanh', 'logistic', got 'swish'"),
    ("backpropagation", ["--data", "own.csv", "-p", "target_column=result"], "usage,result\n3,left\n1,stayed\n",
     "result is known in 2 rows; at least 30 are needed"),
    ("backpropagation", ["--data", "own.csv"], PLANS + "".join(f"{i % 7},customer {i}\n" for i in range(40)),
     "outcome must have 2 to 10 different values (classes), got 40"),
    ("backpropagation", ["--data", "own.csv"], PLANS + "".join(f"1,{'ab'[i % 2]}\n" for i in range(40)), "no column is left to learn from"),
    ("lstm", ["-p", "data_holds=sales"], None, "data_holds must be one of 'demand', 'applications', got 'sales'"),
    ("lstm", ["--data", "own.csv"], SERIES + "2025-03-03,5\n2025-03-04,6\n", "it has 2 values; with season=7 and horizon=7 at least 30"),
    ("lstm", ["--data", "own.csv"], SERIES + "2025-03-03,5\n2025-03-03,6\n", "line 3: date 2025-03-03 stands twice"),
    ("lstm", ["--data", "own.csv", "-p", "data_holds=applications"], LOANS + "i pay,1\n", "repaid has 1 rows with 0 or 1"),
    ("lstm", ["--data", "own.csv", "-p", "data_holds=applications"], LOANS + "i pay,yes\n",
     "line 2: repaid must be an integer >= 0 and <= 1, got 'yes'"),
    ("collaborative_filtering", ["-p", "top_n=0"], None, "top_n must be an integer >= 1 and <= 50, got '0'"),
    ("collaborative_filtering", ["-p", "item_column=user"], None, "user_column and item_column must differ, got user twice"),
    ("collaborative_filtering", ["-p", "relevance=6"], None, "the highest rating in rating is 5; relevance must not be above it, got 6"),
    ("collaborative_filtering", ["-p", "features=genre"], None, "lacks the column genre; its first line has"),
    ("collaborative_filtering", ["--data", "own.csv"], RATED + "a,b,four\n", "line 2: rating must be a number"),
    ("collaborative_filtering", ["--data", "own.csv"], RATED + "a,b,4\na,c,5\n",
     "it has 2 ratings, of 1 users and 2 items; at least 30 ratings, 5 users and 5 items are needed"),
    ("collaborative_filtering", ["--data", "own.csv"], RATED + "".join(f"{p},5\n" for p in PAIRS), "all ratings in rating are 5"),
    ("collaborative_filtering", ["--data", "own.csv"], RATED + "".join(f"u{i},i{i % 7},{i % 5}\n" for i in range(40)),
     "every user in user has one item only"),
    ("collaborative_filtering", ["--data", "own.csv"], "user,item,stars\n" + "".join(f"{p},{i % 5}\n" for i, p in enumerate(PAIRS)),
     "it lacks the column rating, which rating_column names; is it stars?"),
    ("collaborative_filtering", ["--data", "own.csv"], "user,item,rating,date\n" + "".join(f"{p},{i % 5},03/04/2025\n" for i, p in enumerate(PAIRS)),
     "line 2: date must be a local date and time (YYYY-MM-DD HH:MM:SS), got '03/04/2025'"),
    ("matrix_factorisation", ["-p", "factors=0"], None, "factors must be an integer >= 1 and <= 20, got '0'"),
    ("matrix_factorisation", ["-p", "rating_column="], None, "a log of purchases without ratings is for the chapter collaborative_filtering"),
    ("matrix_factorisation", ["-p", "liked=9"], None, "liked must be above 1 and at most 5, got 9"),
    ("matrix_factorisation", ["--data", "own.csv"], STARS.replace("rating", "stars"), "lacks the column rating, which rating_column names"),
    ("matrix_factorisation", ["--data", "own.csv"], "\n".join(STARS.split("\n")[:12]), "at least 30 ratings"),
    ("matrix_factorisation", ["--data", "own.csv"], STARS + "u1,i2,good\n", "rating must be a number"),
    ("matrix_factorisation", ["--data", "own.csv", "-p", "features=colour"], STARS, "lacks the column colour"),
    ("arima", ["-p", "horizn=3"], None, "unknown parameter 'horizn': did you mean 'horizon'?"),
    ("arima", ["-p", "level=95"], None, "level must be a number >= 0.5 and <= 0.99, got '95' (write 25% as 0.25)"),
    ("arima", ["-p", "date_column=sales"], None, "column, date_column and key_column must differ"),
    ("arima", ["-p", "key=coffee"], None, "product has no series 'coffee'; there are filters, gift boxes, mugs, tea"),
    ("arima", ["--data", "own.csv", "-p", "column=pieces"], VALUES + "2020-01,3\n", "lacks the column pieces"),
    ("arima", ["--data", "own.csv", "-p", "key_column=shop"], VALUES + "2020-01,3\n", "it lacks the column shop, which key_column names"),
    ("arima", ["--data", "own.csv"], VALUES + "2020-01,3\n2020-02,5\n", "it has 2 values; at least 10 are needed"),
    ("arima", ["--data", "own.csv"], VALUES + "".join(f"{m},3\n" for m in MONTHS[:12]) + "2020-03,4\n",
     "line 14: date 2020-03-01 stands twice; set duplicates to sum or mean, or key_column"),
    ("arima", ["--data", "own.csv"], VALUES + "".join(f"{m},3\n" for m in MONTHS if m[5:] < "09"),
     "values between the first and the last are missing; at most 20% may be"),
    ("arima", ["--data", "own.csv"], VALUES + "03/04/2020,3\n", "line 2: date must be a date (YYYY-MM-DD), got '03/04/2020'"),
    ("arima", ["--data", "own.csv"], VALUES + '2020-01,"1,250"\n', "got '1,250' (leave out the marks between thousands)"),
    ("var", ["-p", "drivr=ads"], None, "unknown parameter 'drivr': did you mean 'driver'?"),
    ("var", ["-p", "driver=revenue"], None, "driver, outcome and date_column must differ, got revenue, revenue, week"),
    ("var", ["-p", "outcome=sales"], None, "it lacks the column sales, which outcome names; columns with numbers are advertising"),
    ("var", ["-p", "transform=logs"], None, "transform must be one of 'auto', 'levels', 'differences', 'log differences', got 'logs'"),
    ("var", ["--data", "own.csv"], INDICATORS + "".join(WEEKS[:20]), "it has 20 rows in which all series are known; 2 series with lags=0 and horizon=12 need 30"),
    ("var", ["--data", "own.csv"], INDICATORS + "".join(WEEKS + WEEKS[:1]), "week 2024-01-01 stands twice; give one row per date"),
    ("var", ["--data", "own.csv"], INDICATORS + "".join(WEEKS[:20] + WEEKS[40:]), "20 of the 60 weekly dates between the first and the last are missing"),
    ("var", ["--data", "own.csv"], INDICATORS + "".join(f"{line.split(',')[0]},5,{i % 7}\n" for i, line in enumerate(WEEKS)),
     "the column advertising, which driver names, cannot be used: it is '5' in every row"),
    ("var", ["--data", "own.csv"], INDICATORS + "".join(f"{line.split(',')[0]},{line.split(',')[1]},{2 * int(line.split(',')[1])}\n" for line in WEEKS),
     "revenue follows exactly from advertising; list in the parameter features the columns to use, without it"),
    ("var", ["--data", "own.csv", "-p", "transform=log differences"], INDICATORS + "".join(WEEKS).replace(",50,", ",0,", 1),
     "advertising has the value 0; log differences need values above 0"),
]

# An own name for every column, gaps, a constant column, a category; then tables at the edge of what is allowed.
NAMED = "Ref,Gone,Spend,Region,Currency\n" + "".join(
    f"r{i},{int(i * 7 % 10 > 6)},{'' if i % 9 == 4 else i * 37 % 101},{'' if i % 11 == 5 else ('N', 'S', 'E')[i * i % 3]},EUR\n"
    for i in range(120))
OWN = {
    "gradient_descent": {
        "own names": (["-p", "target_column=gone"], NAMED),
        "separable, few rows": ([], "left,fee\n" + "".join(f"{int(i >= 20)},{2 * i}\n" for i in range(30))),
    },
    "svm_dual": {
        "own names": (["-p", "target_column=gone"], NAMED),
        "separable by one number": ([], "late,x\n" + "".join(f"{int(i > 20)},{2 * i}\n" for i in range(40))),
    },
    "kmeans": {
        "own names, times, a category": (
            ["-p", "customer_column=client", "-p", "date_column=day", "-p", "amount_column=paid"],
            "channel,client,day,paid\n" + "".join(f"{'web' if i % 3 else ''},c{i % 40},{day} 10:{i % 60:02},{20 + i * 31 % 57 - 90 * (i == 7)}\n"
                                                  for i, day in enumerate(days(240)))),
        "thirty equal customers": ([], SALES + "".join(f"c{i},2026-03-02,10\n" for i in range(30))),
    },
    "backpropagation": {
        "own names": (["-p", "target_column=region"], "".join(line for line in NAMED.splitlines(True) if ",," not in line)),
        "ten outcomes, gaps, duplicates": ([], "seats,rating,kind,currency,outcome\n" + "".join(
            f"{i % 13},{'' if i % 3 else i % 5},{'abc'[i % 3] if i % 4 else ''},EUR,{i % 10}\n" for i in range(120))),
    },
    "lstm": {
        "own names, weekdays, gaps": (
            ["-p", "date_column=day", "-p", "value_column=sold", "-p", "season=5"],
            "shop,day,sold\n" + "".join(f"A,{day},{i * 37 % 23}\n" for i, day in enumerate(days(140)) if i % 7 < 5 and i % 31)),
        "applications": (
            ["-p", "data_holds=applications", "-p", "text_column=letter", "-p", "target_column=paid"],
            "letter,paid,branch\n" + "".join(f"i {'always' if i % 3 else 'never'} pay loan {i % 29} of {i % 5},{int(i % 3 > 0)},b\n" for i in range(90))),
    },
    "collaborative_filtering": {
        "own names, half stars, unix time, features with gaps, repeats": (
            ["-p", "user_column=client", "-p", "item_column=sku", "-p", "rating_column=stars", "-p", "time_column=ts", "-p", "top_n=5"],
            "Client,SKU,stars,ts,kind,cost,comment\n" + "".join(
                f"{i * i % 41:03},0{i * 7 % 29},{1 + i * 13 % 9 / 2},{1700000000 + 977 * i},{'ab'[i * 7 % 29 % 2]},"
                f"{'' if i * 7 % 29 % 5 == 0 else i * 7 % 29},text {i}\n" for i in range(600))),
        "thirty ratings, everything rated": ([], RATED + "".join(f"u{u},i{i},{(3 * u + 7 * i) % 11}\n" for u in range(5) for i in range(6))),
        "purchases without quantity": ([], "user,item\n" + "".join(f"u{i % 23},it{i * i % 19}\n" for i in range(200))),
        "users with one rating, labels with marks": (
            [], RATED + "".join(f'"<b>{u}</b> $x_1$","a, b & {u % 9}",{u * 37 % 101}\n' for u in range(80))
            + "".join(f"v{u},c{i},{10 * u + i}\n" for u in range(9) for i in range(3))),
    },
    "matrix_factorisation": {
        "70 ratings, no features, no dates": ([], STARS),
        "own names, half stars, text labels, features with gaps, users with one rating": (
            ["-p", "user_column=Customer", "-p", "item_column=SKU", "-p", "rating_column=Score", "-p", "liked=3.5"],
            "Customer,SKU,Score,colour,weight\n" + "".join(
                f"{'Zoë' if k % 5 else 'once'} {k % 31 if k % 5 else k},{k * 11 % 17:03},{0.5 + (k * 5 + k // 7) % 10 / 2},"
                f"{('red', 'blue', '')[k * 11 % 17 % 3]},{k * 11 % 17 * 1.5}\n" for k in range(260))),
    },
    "arima": {
        "own names, several series, gaps, wrong order, duplicates": (
            ["-p", "column=pieces", "-p", "date_column=day", "-p", "key_column=article", "-p", "duplicates=sum", "-p", "horizon=6"],
            "article,day,pieces\n" + "".join(f"{'ab'[i % 2]},{day},{'' if i % 23 == 3 else i * 37 % 23}\n"
                                             for i, day in reversed([(i, d) for d in days(90) for i in (0, 1, 2)]) if int(day[-2:]) % 13)),
        "twelve months": (["-p", "horizon=6"], VALUES + "".join(f"{m},{20 + i * 31 % 17}\n" for i, m in enumerate(MONTHS[:12]))),
        "nothing changes": ([], VALUES + "".join(f"{m},7\n" for m in MONTHS[:30])),
        "a straight line": ([], VALUES + "".join(f"{m},{5 + 3 * i}\n" for i, m in enumerate(MONTHS[:30]))),
        "seldom asked for, no row means none": (
            ["-p", "gaps=zero", "-p", "lead_time=0"], VALUES + "".join(f"{day},{1 + i % 4}\n" for i, day in enumerate(days(300)) if i * i % 7 == 1)),
        "negative values, quarters": (["-p", "stock=0"], VALUES + "".join(f"{2000 + i // 4}-Q{i % 4 + 1},{i * 29 % 41 - 25}\n" for i in range(60))),
    },
    "var": {
        "own names, months, gaps, wrong order, a text and a constant": (
            ["-p", "driver=letters", "-p", "outcome=sold", "-p", "date_column=month", "-p", "horizon=6", "-p", "push=20"],
            "month,sold,region,fee,letters,price\n" + "".join(
                f"{2019 + i // 12}-{i % 12 + 1:02},{'' if i % 17 == 5 else 100 + i * 61 % 37},n,3,{20 + i * 37 % 23},{9 + i * i % 7}\n"
                for i in reversed(range(70)) if i % 23 != 11)),
        "thirty rows of two series that grow": (
            ["-p", "driver=a", "-p", "outcome=b", "-p", "date_column=day", "-p", "horizon=3"],
            "day,a,b\n" + "".join(f"{day},{100 + 5 * i + i * 37 % 23},{(i + 2)**2 + i * 61 % 97}\n" for i, day in enumerate(days(30)))),
    },
    "queueing": {
        "short log of one hour, no agents": ([], CALLS + "".join(f"2026-03-02 09:{i:02}:10,{60 + 7 * i}\n" for i in range(40))),
        "two months apart, equal handling times": (
            [], CALLS + "".join(f"2026-0{1 + i % 2}-05 {i % 24:02}:00:00,120\n" for i in range(60))),
    },
    "npv_irr": {
        "one period": ([], FLOWS + "1,200000,10000,5000\n"),
        "never pays back, no internal rate": ([], FLOWS + "1,0,100,0\n2,0,100,0\n"),
        "two internal rates": ([], FLOWS + "1,400000,0,0\n2,0,270000,0\n"),
    },
}
