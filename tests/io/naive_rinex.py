"""Slow and simple readers of RINEX observations, line by line: the reference of the fast ones."""

from pathlib import Path

FOLDERS = (
    Path(__file__).parent / "data",
    Path(__file__).parents[2] / "examples" / "data" / "rinex",
)


def real(name):
    """Path of a real file, or piece of one."""
    return next(folder / name for folder in FOLDERS if (folder / name).exists())


def naive_obs(path):
    """{(epoch, satellite, code): (value, lli, ssi)}, (epoch) as the text of its line; no blanks.

    A value of 0.000 is kept; fields that are blank are left out unless a flag stands alone.
    """
    lines = path.read_bytes().decode("latin-1").replace("\r\n", "\n").split("\n")
    codes = {}
    at = 0
    system = ""
    while "END OF HEADER" not in lines[at]:
        line, label = lines[at], lines[at][60:].strip()
        if label == "SYS / # / OBS TYPES":
            if line[0] != " ":
                system = line[0]
                codes[system] = []
            codes[system] += line[6:60].split()
        elif label == "# / TYPES OF OBSERV":
            codes.setdefault("", []).extend(line[6:60].split())
        at += 1
    body = lines[at + 1 :]
    while body and not body[-1].strip():
        body.pop()
    return naive_2(body, codes[""]) if "" in codes else naive_3(body, codes)


def put(found, key, field):
    number, lli, ssi = field[:14].strip(), field[14:15].strip(), field[15:16].strip()
    if number or lli or ssi:
        found[key] = (float(number or "nan"), int(lli or 0), int(ssi or 0))


def naive_3(body, codes):
    found, at = {}, 0
    while at < len(body):
        flag, count = int(body[at][31]), int(body[at][32:35])
        if flag <= 1:
            for line in body[at + 1 : at + 1 + count]:
                for i, code in enumerate(codes[line[0]]):
                    field = line[3 + 16 * i : 19 + 16 * i]
                    put(found, (body[at][2:29], line[:3].replace(" ", "0"), code), field)
        at += 1 + count
    return found


def naive_2(body, codes):
    found, at = {}, 0
    while at < len(body):
        head = body[at]
        flag, count = int(head[28]), int(head[29:32])
        if flag > 1 and flag != 6:
            at += 1 + count
            continue
        names = ""
        for _ in range(max(1, -(-count // 12))):
            names += body[at][32:68].ljust(36)
            at += 1
        for k in range(count):
            text = ""
            for _ in range(-(-len(codes) // 5)):
                text += body[at].ljust(80)[:80]
                at += 1
            name = names[3 * k : 3 * k + 3]
            name = (name[0] if name[0] != " " else "G") + name[1:].replace(" ", "0")
            for i, code in enumerate(codes):
                if flag <= 1:
                    put(found, (head[1:26], name, code), text[16 * i : 16 * i + 16])
    return found


def check_against_naive(obs, naive):
    """Compare every value and flag; return how many values there were and the largest deviation."""
    heads = sorted({key[0] for key in naive})
    assert len(heads) <= len(obs.epoch)
    worst, num = 0.0, 0
    seen = set()
    order = list(dict.fromkeys(key[0] for key in naive))
    of_epoch = {text: i for i, text in enumerate(order)}
    for letter, one in obs.systems.items():
        records = {
            (int(e), one.satellites[s]): r
            for r, (e, s) in enumerate(zip(one.epoch.tolist(), one.sat.tolist(), strict=True))
        }
        for (text, name, code), (value, lli, ssi) in naive.items():
            if name[0] != letter:
                continue
            record = records[of_epoch[text], name]
            column = one.codes.index(code)
            got = float(one.value[record, column])
            assert (one.lli[record, column], one.ssi[record, column]) == (lli, ssi)
            if value != value or value == 0.0:
                assert got != got
            else:
                worst = max(worst, abs(got - value))
                num += 1
            seen.add((text, name, code))
    assert len(seen) == len(naive)
    assert num == sum((one.value == one.value).sum() for one in obs.systems.values())
    return num, worst
