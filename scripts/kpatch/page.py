# SPDX-License-Identifier: GPL-2.0-only
"""The report of an update as a page of HTML that needs nothing else."""

from html import escape

COLOURS = {"patched": "#2e7d32", "unaffected": "#9e9e9e", "left out": "#607d8b",
           "tied": "#ef9a00", "author": "#1565c0", "impossible": "#b71c1c", "failed": "#6a1b9a",
           "covered": "#2e7d32", "partly": "#ef9a00", "not covered": "#b71c1c",
           "no effect": "#9e9e9e", "unknown": "#6a1b9a"}

HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; } th, td { padding: .25rem .7rem; text-align: right;
       border-bottom: 1px solid #ddd; } th:first-child, td:first-child, td.l { text-align: left; }
.bar { display: flex; height: 1.4rem; margin: 1rem 0; border-radius: 4px; overflow: hidden; }
.tag { color: #fff; border-radius: 3px; padding: 0 .4rem; font-size: .82rem; white-space: nowrap; }
code { font-size: .9em; } details { border-bottom: 1px solid #eee; padding: .3rem 0; }
summary { cursor: pointer; } li { margin: .2rem 0; } .remedy { color: #555; }
input { font: inherit; width: 100%%; padding: .4rem; box-sizing: border-box; }
</style></head><body>
<h1>%s</h1>
"""
# Shows what has all words of the search.
SCRIPT = """<script>
document.getElementById("search").addEventListener("input", function () {
  var words = this.value.toLowerCase().split(/\\s+/);
  document.querySelectorAll("details, tr.row").forEach(function (item) {
    var text = item.textContent.toLowerCase();
    item.hidden = !words.every(function (word) { return text.includes(word); });
  });
});
</script></body></html>"""


def tag(category):
    return f'<span class="tag" style="background:{COLOURS[category]}">{escape(category)}</span>'


def bar(sums, total):
    return '<div class="bar">' + "".join(
        f'<div title="{escape(c)}: {n}" style="background:{COLOURS[c]};flex:{n}"></div>'
        for c, n in sums.items() if n) + "</div>" if total else ""


def sums(report):
    kinds = list(report["totals"])
    yield "<table><tr><th></th>" + "".join(f"<th>{k}</th>" for k in kinds) + "<th></th></tr>"
    for category, meaning in report["categories"].items():
        yield f"<tr><td>{tag(category)}</td>" + "".join(
            f"<td>{report['sums'][k][category]}</td>" for k in kinds) + \
            f'<td class="l">{escape(meaning)}</td></tr>'
    yield "<tr><td>all</td>" + "".join(f"<td>{n}</td>" for n in report["totals"].values()) + \
        "<td></td></tr></table>"


def why_list(whys):
    return "<ul>" + "".join(
        "<li>" + (f"<code>{escape(w['name'])}</code>: " if w["name"] else "") +
        f"{escape(w['what'])}; <span class=\"remedy\">{escape(w['remedy'])}</span></li>"
        for w in whys) + "</ul>" if whys else ""


def caller_list(func):
    return ", ".join(f"<code>{escape(c['name'])}</code> ({escape(c['unit'])})"
                     for c in func["callers"])


def unit_item(unit):
    functions = ", ".join(
        f"<code>{escape(f['name'])}</code>" + (
            f" {tag(f['category'])}" if f["category"] != unit["category"] else "")
        for f in unit["functions"]) or "none"
    callers = "".join(
        f"<p><code>{escape(f['name'])}</code> is called by {caller_list(f)}</p>"
        for f in unit["functions"] if f["callers"])
    added = ", ".join(f"<code>{escape(n)}</code>" for n in unit["added"])
    return f"<details><summary>{tag(unit['category'])} <code>{escape(unit['source'])}</code> " \
        f"({escape(unit['object'])}, {len(unit['functions'])} functions)</summary>" \
        f"<p>Changed functions: {functions}{'; new: ' + added if added else ''}</p>" \
        f"{callers}{why_list(unit['why'])}</details>"


def file_item(file):
    what = f"{escape(file['what'])}; <span class=\"remedy\">{escape(file['remedy'])}</span>" \
        if file["what"] else ", ".join(f"<code>{escape(u)}</code>" for u in file["units"])
    notes = "".join(f"<br>{escape(n)}" for n in file["notes"])
    return f'<tr class="row"><td>{tag(file["category"])}</td>' \
        f'<td class="l"><code>{escape(file["name"])}</code></td><td>{file["hunks"]}</td>' \
        f'<td>+{file["added"]} -{file["removed"]}</td><td class="l">{what}{notes}</td></tr>'


def entry_item(entry):
    ids = ", ".join(entry["cves"] + [c[:12] for c in entry["commits"]])
    by = " (by the functions that it names)" if entry["found_by"] == "functions" else ""
    return f'<tr class="row"><td>{tag(entry["coverage"])}</td><td class="l">{escape(ids)}</td>' \
        f'<td class="l">{escape(entry["subject"])}{by}</td></tr>'


def sections(report):
    yield "".join(sums(report))
    yield bar(report["sums"]["functions"], report["totals"]["functions"])
    yield '<p><input id="search" placeholder="file, function, structure, CVE, category"></p>'
    if report["structures"]:
        yield "<h2>Structures that change</h2>"
        for structure in report["structures"]:
            users = "".join(f"<li><code>{escape(u)}</code></li>" for u in structure["users"])
            yield f"<details><summary><code>{escape(structure['name'])}</code>: the code of " \
                f"{len(structure['users'])} files depends on it</summary><ul>{users}</ul></details>"
    yield "<h2>Compiled files whose code changes</h2>"
    order = list(report["categories"])[::-1]
    yield from map(unit_item, sorted(report["units"], key=lambda u: order.index(u["category"])))
    if report["changelog"]:
        yield "<h2>Changelog</h2><table>"
        yield from map(entry_item, report["changelog"])
        yield "</table>"
    if report["decisions"]:
        yield "<h2>Decisions</h2><ul>"
        for decision in report["decisions"]:
            text = " ".join([decision["kind"], *decision["names"]])
            yield f"<li><code>{escape(text)}</code>: {escape(decision['why'])}</li>"
        yield "</ul>"
    yield "<h2>Files of the difference</h2><table>" \
        "<tr><th></th><th>file</th><th>hunks</th><th>lines</th><th></th></tr>"
    yield from map(file_item, report["files"])
    yield "</table>"


def as_page(report):
    title = escape(f"Update of Linux {report['kernel']}")
    return HEAD % (title, title) + "\n".join(sections(report)) + SCRIPT
