"""The table as text, and docs/performance.md."""

import math

import causes

PEERS = ["limit", "cpp", "sleef", "intel", "pocl", "openblas", "numpy", "mlx"]
OURS = ["again", "robust", "error"]
MEANS = {"intel": 1.5, "pocl": 3.0}  # goals of the geometric means


def entry(row, sizes, result):
    """What is kept of a row: each contender's times, our rate, ratios, and the share of each goal that was reached."""
    times = {name: each.record() for name, each in result.items()}
    ours = times.get("anymetal", {}).get("seconds")
    ours = None if times.get("anymetal", {}).get("failed") else ours
    made = {"what": row.what, "seconds": ours, "contenders": times, "goals": {}}
    width = 4 if row.dtype == "float" else 2
    if ours and row.work:
        made["gflops"] = row.work(sizes) / ours / 1e9
    elif ours and row.traffic:
        made["gbytes_per_second"] = row.traffic(sizes, width) / ours / 1e9
    valid = {name: each["seconds"] for name, each in times.items() if name != "anymetal" and each["seconds"] and not each["failed"]}
    made["ratios"] = {name: seconds / ours for name, seconds in valid.items()} if ours else {}
    peers = {name: ratio for name, ratio in made["ratios"].items() if name in PEERS and name != "limit"}
    for name, goal in row.goals.items():
        if name == "seconds" and ours:
            made["goals"]["time"] = goal / ours
        elif name == "best" and peers:
            best = min(peers, key=peers.get)
            made["goals"][best] = peers[best] / goal
        elif name in made["ratios"]:
            made["goals"][name] = made["ratios"][name] / goal
    return made


def duration(seconds):
    if seconds is None:
        return "-"
    if seconds < 1e-3:
        return f"{seconds * 1e6:.2f} us"
    return f"{seconds * 1e3:.{3 if seconds < 9.995e-3 else 2 if seconds < 0.09995 else 1}f} ms"


def rate(made):
    if "gflops" in made:
        return f"{made['gflops']:.1f} GF/s"
    return f"{made['gbytes_per_second']:.1f} GB/s" if "gbytes_per_second" in made else ""


def columns(names):
    return [name for name in [*OURS, *PEERS] if name in names]


def cells(made, shown):
    """Ratios to each contender in the order of `shown`; ~: fewer than four undisturbed turns of either."""
    ours = made["contenders"].get("anymetal", {"undisturbed": []})
    result = []
    for name in shown:
        each = made["contenders"].get(name)
        if each is None:
            result.append("")
        elif each["failed"]:
            result.append("wrong" if each["failed"].startswith("wrong") else "fails")
        elif name not in made["ratios"]:
            result.append("-")
        else:
            rough = "~" if min(len(each["undisturbed"]), len(ours["undisturbed"])) < 4 else ""
            result.append(f"{rough}{made['ratios'][name]:.2f}")
    return result


def goal(made):
    if not made["goals"]:
        return ""
    name = min(made["goals"], key=made["goals"].get)
    return f"{made['goals'][name]:.2f} {name}"


def head(names):
    return (f"\n{'row':<24}{'time':>11}{'rate':>12}" + "".join(f"{name:>9}" for name in columns(names)) + f"  {'share of goal':<15}{'turns':>6}")


def line(row, made, names):
    ours = made["contenders"].get("anymetal", {"failed": "isn't written yet", "undisturbed": [], "disturbed": []})
    count = f"{len(ours['undisturbed'])}/{len(ours['undisturbed']) + len(ours['disturbed'])}"
    text = f"{row.name:<24}{duration(made['seconds']):>11}{rate(made):>12}"
    text += "".join(f"{cell:>9}" for cell in cells(made, columns(names))) + f"  {goal(made):<15}{count:>6}"
    notes = [f"\n    {name}: {each['failed'].splitlines()[0]}" for name, each in (made["contenders"] | {"anymetal": ours}).items() if each["failed"]]
    notes += [f"\n    {name}: {each['note']}" for name, each in made["contenders"].items() if each.get("note")]
    return text + "".join(notes)


def heading(report):
    about = report["machine"]
    lines = [f"{about['processor']}, {about['cores']} cores; {' '.join(about['features'])}", f"{about['system']}; load {report['load_before']:.1f} before"]
    lines += [f"{name:>9}: {version}" for name, version in report["contenders"].items()]
    lines += [f"{name:>9}: left out: {why}" for name, why in report["missing"].items()]
    return lines


def mean(values):
    values = list(values)
    return math.exp(sum(math.log(each) for each in values) / len(values)) if values else None


def means(report):
    """Geometric means of the ratios: {contender: (mean, rows)}."""
    found = {}
    for name in [*OURS, *PEERS]:
        ratios = [entry["ratios"][name] for entry in report["rows"].values() if name in entry["ratios"]]
        if len(ratios) > 1:
            found[name] = mean(ratios), len(ratios)
    return found


def second_kernels(report):
    """Rows in which the second kernel reaches less than 0.9 of the first one's speed: {row: share}."""
    shares = {row: 1 / entry["ratios"]["again"] for row, entry in report["rows"].items() if "again" in entry["ratios"]}
    return {row: share for row, share in shares.items() if share < 0.9}


def causes_of(report):
    """What limits what is below its goal, as lines of Markdown."""
    lines = []

    def say(entry, what, texts, row):
        lines.append(f"- {entry['what']}, {what}: {texts.get(row, 'not looked into.')}")

    for row, entry in report["rows"].items():
        least = min(entry["goals"].values(), default=1)
        if least < 1:
            say(entry, f"{least:.2f} of its goal", causes.ROWS, row)
    for row, share in second_kernels(report).items():
        say(report["rows"][row], f"the second kernel, {share:.2f} of the first", causes.AGAIN, row)
    for row, entry in report["rows"].items():
        over = entry["ratios"].get("robust", 1)
        if over > 1.15:
            say(entry, f"`robust`, {over:.2f} of the time", causes.ROBUST, row)
    return lines


def verdicts(report):
    """What is judged over all rows."""
    lines = []
    parts = []
    for name, (value, count) in means(report).items():
        wanted = f", {MEANS[name]:g} wanted" if name in MEANS else ""
        parts.append(f"{name} {value:.2f} ({count} rows{wanted})")
    if parts:
        lines.append("Geometric means: " + ", ".join(parts) + ".")
    slow = second_kernels(report)
    if slow:
        lines.append("Second kernels that reach less than 0.9 of the first: " + ", ".join(f"{row} {share:.2f}" for row, share in slow.items()) + ".")
    slower = []
    for row, entry in report["rows"].items():
        name, _, dtype = row.rpartition("_")
        wide = report["rows"].get(name) or report["rows"].get(f"{name}_float")
        if dtype in ("half", "bfloat") and wide and wide["seconds"] and entry["seconds"]:
            slower.append(f"{row} {entry['seconds'] / wide['seconds']:.2f}")
    if slower:
        lines.append("Times of half and bfloat over float's: " + ", ".join(slower) + "; at most 1 wanted.")
    return lines


def ending(report):
    lines = ["", "Columns of names: their time over ours, so above 1 we are faster; again: our second kernel's; limit: copy, triad, read or multiply-adds",
             "of the same size. Share of goal: above 1 it is reached. Turns: undisturbed of all; ~: fewer than four, then the fastest turn counts."]
    lines += verdicts(report)
    lines.append(f"The probe reached {report['multiply_add_gflops']:.0f} GFLOP/s at best, and {100 * report['quiet']:.0f}% of probes were near it; "
                 f"load {report['load_before']:.1f} before, {report['load_after']:.1f} after.")
    return lines


def markdown(report):
    """docs/performance.md, or docs/performance-avx2.md."""
    about = report["machine"]
    names = report["contenders"]
    shown = columns(names)
    level = "" if report["cpu"] == "native" else report["cpu"]
    command = f"./dev bench peers --cpu {level} --page docs/performance-{level}.md" if level else "./dev bench peers --page docs/performance.md"
    lines = [f"# Performance on the CPU{f', with code for {level.upper()}' if level else ''}", "",
             f"Generated by `{command}`; do not edit. How it is measured: [design/peers.md](design/peers.md).", "",
             *([f"The same machine as on [the main page](performance.md), ours and the peers' code kept to {level.upper()}. Goals are those of machines with AVX-512, "
                "for orientation.", ""] if level else []),
             f"{about['processor']}, {about['cores']} cores ({', '.join(about['features'])}), {about['system']}, {report['date']}, revision "
             f"{report.get('revision')}, {report['executor']} executor, `ANYMETAL_BOUNDS=off`.",
             f"{report['turns']} undisturbed turns were asked for. Load {report['load_before']:.1f} before and {report['load_after']:.1f} after; "
             f"{100 * report['quiet']:.0f}% of the probes were near the best one ({report['multiply_add_gflops']:.0f} GFLOP/s).",
             "The machine was " + ("busy with other work, and turns that it disturbed don't count." if report["quiet"] < 0.9 or report["load_before"] > 1
                                   else "quiet."), "",
             "Columns of names: their time over ours; above 1 we are faster. *again* is our second, differently written kernel. *limit*: copy, triad, read or",
             "multiply-adds of the same size. *goal*: the share of the goal that is reached, and whom it is about; below 1 it isn't. *~*: fewer than four",
             "undisturbed turns of one of the two, so that the fastest turn stands for it. Empty: nobody wrote it for that contender.", "",
             f"| row | time | rate | {' | '.join(shown)} | goal | turns |", "|---|--:|--:|" + "--:|" * len(shown) + "--:|--:|"]
    for name, made in report["rows"].items():
        ours = made["contenders"].get("anymetal")
        if ours is None:
            lines.append(f"| {made['what']} | not measured yet | | {' | '.join('' for _ in shown)} | | |")
            continue
        count = f"{len(ours['undisturbed'])}/{len(ours['undisturbed']) + len(ours['disturbed'])}"
        time = ("wrong" if ours["failed"].startswith("wrong") else "fails") if ours["failed"] else duration(made["seconds"])
        fallback = " (1)" if ours.get("note") else ""
        lines.append(f"| {made['what']} | {time}{fallback} | {rate(made)} | {' | '.join(cells(made, shown))} | {goal(made)} | {count} |")
    notes = [f"- (1) {row}{' again' if name == 'again' else ''}: {each['note']}" for row, made in report["rows"].items()
             for name, each in made["contenders"].items() if each.get("note") and name in ("anymetal", "again")]
    others = {}
    for row, made in report["rows"].items():
        if made.get("revision") != report.get("revision"):
            others.setdefault(made.get("revision"), []).append(row)
    notes += [f"- Measured earlier, with revision {revision}: {', '.join(each)}." for revision, each in others.items()]
    lines += ["", *(f"- {each}" for each in verdicts(report)), *notes, ""]
    lines += [] if level else ["## What limits what is below its goal", "", *causes_of(report), ""]
    lines += ["## Contenders", ""]
    lines += ["| Contender | |", "|---|---|", *(f"| {name} | {version} |" for name, version in names.items())]
    lines += [f"| {name} | left out: {why} |" for name, why in report["missing"].items()]
    return "\n".join(lines) + "\n"

