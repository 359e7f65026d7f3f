#!/usr/bin/env python3
"""Holds what `dnsprobe read` sees in captures against what tshark sees: how many DNS messages, and for each of them its
name, type, response code and time.

    crates/dnsprobe/tests/tshark.py --dnsprobe PATH [CAPTURE|FOLDER...]

Without captures, those of testdata/traces. Always with them go captures that are made here, one for each thing that can
be odd about a packet (MADE). Where the two differ for a reason, the reason is in `explained`, with the rule that tells
such a difference from a mistake. Exit status 1 where there is another."""

import argparse
import collections
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TRACES = os.path.normpath(os.path.join(HERE, "../../../testdata/traces"))
CAPTURES = (".pcap", ".pcapng")
RCODES = {0: ("ANSWER", "NODATA", "CNAME"), 1: ("FORMERR",), 2: ("SERVFAIL",), 3: ("NXDOMAIN",), 4: ("NOTIMP",), 5: ("REFUSED",),
          "TC": ("TRUNCATED",)}
TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV", 65: "HTTPS", 255: "ANY"}
FIELDS = ["frame.time_epoch", "dns.flags.response", "dns.flags.rcode", "dns.flags.truncated", "dns.qry.name", "dns.qry.type"]
CLIENT, SERVER = bytes([10, 244, 1, 7]), bytes([10, 96, 0, 10])
CLIENT6, SERVER6 = bytes([0xFD] + [0] * 14 + [7]), bytes([0xFD] + [0] * 14 + [10])

Message = collections.namedtuple("Message", "time response name qtype rcode")


# --- The two readers ---


def tshark(path, ports):
    """Messages as tshark sees them. It takes a message over TCP to be where its last byte is."""
    decode = [word for port in ports for kind in ("udp", "tcp") for word in ("-d", f"{kind}.port=={port},dns")]
    among = ", ".join(str(port) for port in ports)
    words = ["tshark", "-n", "-r", path, *decode, "-o", "tcp.reassemble_out_of_order:TRUE", "-T", "fields",
             "-E", "aggregator=|", "-Y", f"dns and (udp.port in {{{among}}} or tcp.port in {{{among}}})"]
    shown = subprocess.run(words + [word for field in FIELDS for word in ("-e", field)], capture_output=True, text=True)
    messages = []
    for line in shown.stdout.splitlines():
        time, responses, rcodes, cut_off, names, types = ([it.split("|") for it in line.split("\t")] + [[""]] * 6)[:6]
        seconds, _, rest = time[0].partition(".")
        at = int(seconds) * 10**9 + int(rest.ljust(9, "0")[:9])
        for number, response in enumerate(responses):
            name = names[number] if number < len(names) else ""
            qtype = types[number] if number < len(types) else ""
            # Only answers have a code.
            rcode = int(rcodes.pop(0)) if response in ("1", "True") else None
            if rcode == 0 and cut_off[number] in ("1", "True"):
                rcode = "TC"
            messages.append(Message(at, rcode is not None, plain(name), TYPES.get(int(qtype or 0), f"TYPE{qtype}"), rcode))
    return messages


def plain(name):
    """A name without its last dot and in lower case, with every byte that is not shown as itself as `?`: the two write
    those bytes differently."""
    name = re.sub(r"\\\d{3}|\\.|[^\x21-\x7e]", "?", name.replace("<Root>", ""))
    return name.rstrip(".").lower()


def dnsprobe(program, path, ports):
    """The questions that dnsprobe shows, and its sums."""
    words = [program, "read", path, "-o", "json"] + [word for port in ports for word in ("--port", str(port))]
    ran = subprocess.run(words, capture_output=True, text=True)
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    if ran.returncode != 0 or not lines:
        sys.exit(f"{' '.join(words)}: exit status {ran.returncode}: {ran.stderr}")
    questions = [q for line in lines if line["type"] == "lookup" for step in line["steps"] for q in step["questions"]]
    return questions, lines[-1]


def nanoseconds(text):
    """Of an RFC 3339 time in UTC."""
    import datetime
    whole, rest = text.rstrip("Z").split(".")
    at = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc)
    return int(at.timestamp()) * 10**9 + int(rest.ljust(9, "0"))


def differences(theirs, questions, sums, explained):
    """What is not the same; where `explained` has the kind, it may be so often."""
    found = []
    if sums["messages"] != len(theirs) + explained.get("messages", 0):
        found.append(f"{sums['messages']} messages, {len(theirs)} by tshark")
    queries = collections.Counter((it.time, it.name, it.qtype) for it in theirs if not it.response)
    ours = collections.Counter((nanoseconds(q["sent"]), plain(q["qname"]), q["qtype"]) for q in questions)
    for (at, name, qtype), count in (ours - queries).items():
        found.append(f"{count} × {qtype} {name!r} at {at}: tshark has no such query")
    missing = queries - ours
    # A packet that was captured twice is asked once.
    allowed = sums["copies"] + explained.get("queries", 0)
    if sum(missing.values()) > allowed:
        found.append(f"{sum(missing.values())} queries not shown, {allowed} may be missing: {list(missing)[:3]}")
    answers = collections.defaultdict(list)
    for it in theirs:
        if it.response:
            answers[(it.time, it.name, it.qtype)].append(it.rcode)
    for q in questions:
        if q["latency_us"] is None:
            continue
        at = nanoseconds(q["sent"]) + round(q["latency_us"] * 1000)
        rcodes = answers.get((at, plain(q["qname"]), q["qtype"]), [])
        if not any(q["outcome"] in RCODES.get(rcode, (q["outcome"],)) for rcode in rcodes) and not explained.get("answers"):
            found.append(f"{q['qtype']} {q['qname']!r} {q['outcome']} at {at}: tshark has {rcodes or 'no answer'}")
    return found


# --- Captures made here ---


def name(*labels):
    return b"".join(bytes([len(it)]) + it for it in labels) + b"\0"


WWW = name(b"www", b"example", b"com")


def query(ident=1, qname=WWW, qtype=1, edns=False):
    opt = bytes([0, 0, 41, 4, 0xD0, 0, 0, 0, 0, 0, 0]) if edns else b""
    return struct.pack(">6H", ident, 0x0100, 1, 0, 0, int(edns)) + qname + struct.pack(">2H", qtype, 1) + opt


def answer(ident=1, qname=WWW, qtype=1, rcode=0, records=1, more=b""):
    record = b"\xc0\x0c" + struct.pack(">2HIH", qtype, 1, 30, 4 if qtype == 1 else 16) + bytes(4 if qtype == 1 else 16)
    head = struct.pack(">6H", ident, 0x8180 | rcode, 1, records, 0, 0)
    return head + qname + struct.pack(">2H", qtype, 1) + record * records + more


def udp(sport, dport, payload):
    return struct.pack(">4H", sport, dport, 8 + len(payload), 0) + payload


def tcp(sport, dport, sequence, payload, flags=0x18):
    return struct.pack(">2H2I4H", sport, dport, sequence, 1, 0x5000 | flags, 65535, 0, 0) + payload


def ip4(source, destination, payload, protocol=17, options=b"", ident=7, fragment=0):
    head = struct.pack(">2B3H2BH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(payload), ident, fragment, 64, protocol, 0)
    return 0x0800, head + source + destination + options + payload


def ip6(source, destination, payload, protocol=17, headers=b""):
    head = struct.pack(">IH2B", 0x60000000, len(headers) + len(payload), protocol, 64)
    return 0x86DD, head + source + destination + headers + payload


def ethernet(packet, tags=()):
    kind, packet = packet
    return bytes(6) + b"\2" + bytes(5) + b"".join(struct.pack(">2H", *tag) for tag in tags) + struct.pack(">H", kind) + packet


def both(asked, answered, wrap=ethernet, port=53):
    """A question and its answer over UDP and IPv4."""
    return [wrap(ip4(CLIENT, SERVER, udp(33000, port, asked))), wrap(ip4(SERVER, CLIENT, udp(port, 33000, answered)))]


def stream(pieces_of_query, pieces_of_answer):
    """A question and its answer over TCP, each in these pieces."""
    frames = [ethernet(ip4(CLIENT, SERVER, tcp(33001, 53, 999, b"", 0x02), 6)),
              ethernet(ip4(SERVER, CLIENT, tcp(53, 33001, 4999, b"", 0x12), 6))]
    for source, destination, ports, at, pieces in ((CLIENT, SERVER, (33001, 53), 1000, pieces_of_query),
                                                   (SERVER, CLIENT, (53, 33001), 5000, pieces_of_answer)):
        for piece in pieces:
            frames.append(ethernet(ip4(source, destination, tcp(*ports, at, piece), 6)))
            at += len(piece)
    return frames


def prefixed(message):
    return struct.pack(">H", len(message)) + message


def cut(message, *at):
    edges = [0, *at, len(message)]
    return [message[a:b] for a, b in zip(edges, edges[1:])]


def fragments(source, destination, datagram, size):
    pieces = [datagram[at:at + size] for at in range(0, len(datagram), size)]
    return [ethernet(ip4(source, destination, piece, fragment=(number * size // 8) | (0x2000 if number + 1 < len(pieces) else 0)))
            for number, piece in enumerate(pieces)]


def sll(packet):
    return struct.pack(">3H8sH", 0, 1, 6, b"\2" + bytes(7), packet[0]) + packet[1]


def sll2(packet):
    return struct.pack(">2HIHBB8s", packet[0], 0, 7, 1, 0, 6, b"\2" + bytes(7)) + packet[1]


HOP, DESTINATION, FRAGMENT = 0, 60, 44
LONG = name(*[b"x" * 61] * 4)
Case = collections.namedtuple("Case", "frames link ports explained snap", defaults=(1, (53,), {}, None))
MADE = {
    "one question": Case(both(query(), answer())),
    "EDNS": Case(both(query(edns=True), answer(more=b""))),
    "VLAN": Case(both(query(), answer(), lambda it: ethernet(it, [(0x8100, 7)]))),
    "QinQ": Case(both(query(), answer(), lambda it: ethernet(it, [(0x88A8, 7), (0x8100, 9)]))),
    "three tags": Case(both(query(), answer(), lambda it: ethernet(it, [(0x88A8, 7), (0x8100, 9), (0x8100, 3)]))),
    "IPv4 options": Case([ethernet(ip4(CLIENT, SERVER, udp(33000, 53, query()), options=b"\x94\4\0\0")),
                          ethernet(ip4(SERVER, CLIENT, udp(53, 33000, answer()), options=b"\1" * 40))]),
    "IPv6": Case([ethernet(ip6(CLIENT6, SERVER6, udp(33000, 53, query()))),
                  ethernet(ip6(SERVER6, CLIENT6, udp(53, 33000, answer())))]),
    "IPv6 extension headers": Case([
        ethernet(ip6(CLIENT6, SERVER6, udp(33000, 53, query()), HOP, bytes([DESTINATION, 0, 1, 4, 0, 0, 0, 0, 17, 1, 1, 12] + [0] * 12))),
        ethernet(ip6(SERVER6, CLIENT6, udp(53, 33000, answer()), FRAGMENT, bytes([17, 0, 0, 0, 0, 0, 0, 9])))]),
    "Linux cooked": Case(both(query(), answer(), sll), 113),
    "Linux cooked 2": Case(both(query(), answer(), sll2), 276),
    "raw IP": Case(both(query(), answer(), lambda it: it[1]), 101),
    "BSD loopback": Case(both(query(), answer(), lambda it: struct.pack("<I", 2) + it[1]), 0),
    "each packet twice": Case([frame for frame in both(query(), answer()) for _ in range(2)]),
    "another port": Case(both(query(), answer(), port=10053) + both(query(2), answer(2)), ports=(53, 10053)),
    "a port that was not asked for": Case(both(query(), answer(), port=10053) + both(query(2), answer(2))),
    "mDNS and LLMNR": Case([ethernet(ip4(CLIENT, bytes([224, 0, 0, 251]), udp(5353, 5353, query()))),
                            ethernet(ip4(CLIENT, bytes([224, 0, 0, 252]), udp(33000, 5355, query())))] + both(query(2), answer(2))),
    "capitals": Case(both(query(qname=name(b"WwW", b"eXample", b"com")), answer(qname=name(b"WwW", b"eXample", b"com")))),
    "odd bytes in a name": Case(both(query(qname=name(b"a\xffb", b"\0c", b"com")), answer(qname=name(b"a\xffb", b"\0c", b"com")))),
    "the longest name": Case(both(query(qname=LONG), answer(qname=LONG))),
    "the root": Case(both(query(qname=b"\0", qtype=2), answer(qname=b"\0", qtype=2, records=0, rcode=5))),
    "each response code": Case([frame for rcode in range(6)
                                for frame in both(query(rcode + 1), answer(rcode + 1, rcode=rcode, records=int(rcode == 0)))]),
    "unusual types": Case([frame for number, qtype in enumerate((12, 15, 16, 33, 65, 255))
                           for frame in both(query(number + 1, qtype=qtype), answer(number + 1, qtype=qtype, records=0))]),
    # The kernel completes checksums later; here they are nonsense.
    "wrong checksums": Case([frame[:40] + b"\xde\xad" + frame[42:] for frame in both(query(), answer())]),
    "cut behind the question": Case(both(query(), answer(records=12)), snap=14 + 20 + 8 + 12 + len(WWW) + 4 + 10),
    "TCP": Case(stream([prefixed(query())], [prefixed(answer())])),
    "TCP, two messages in a segment": Case(stream([prefixed(query()) + prefixed(query(2, qtype=28))],
                                                  [prefixed(answer()) + prefixed(answer(2, qtype=28))])),
    "TCP, a segment twice": Case(stream([prefixed(query())], [prefixed(answer())]) + stream([], [prefixed(answer())])[2:]),
    "TCP, from the middle": Case(stream([prefixed(query())], [prefixed(answer())])[2:]),
    "TCP, in another order": Case([stream(cut(prefixed(query()), 9), cut(prefixed(answer()), 20))[it] for it in (0, 1, 2, 3, 5, 4)]),
    "a port for DNS, and no DNS": Case(both(query(), answer()) + [ethernet(ip4(CLIENT, SERVER, udp(33009, 53, b"\xff" * 40)))],
                                       explained={"messages": -1, "queries": 1}),
    "later fragments": Case([ethernet(ip4(CLIENT, SERVER, udp(33000, 53, query())))] +
                            fragments(SERVER, CLIENT, udp(53, 33000, answer(records=12)), 96),
                            # tshark puts them together, and has the message where the last of them is; dnsprobe takes
                            # what the first tells, code and question, when it comes.
                            explained={"answers": "time"}),
    "padding behind a short packet": Case([frame + bytes(30) for frame in both(query(), answer())]),
    "a segment of 64 kB": Case(stream([prefixed(query())], [prefixed(answer(records=4000))])),
    # A card that cuts large segments gets them with a length of 0 where 16 bits do not hold it.
    "a segment whose IPv4 length is 0": Case([frame[:16] + (b"\0\0" if number == 3 else frame[16:18]) + frame[18:] for number, frame in
                                              enumerate(stream([prefixed(query())], [prefixed(answer(records=40))]))]),
    "IPv6 over fragments": Case([
        ethernet(ip6(CLIENT6, SERVER6, udp(33000, 53, query()))),
        *(ethernet(ip6(SERVER6, CLIENT6, piece, FRAGMENT, struct.pack(">2BHI", 17, 0, number * 96 | int(number < 2), 9)))
          for number, piece in enumerate(cut(udp(53, 33000, answer(records=12)), 96, 192)))], explained={"answers": "time"}),
    "a first fragment without a question": Case([ethernet(ip4(CLIENT, SERVER, udp(33000, 53, query())))] +
                                                fragments(SERVER, CLIENT, udp(53, 33000, answer(records=12)), 16),
                                                explained={"messages": -1}),
}
# Split at every byte of a query and of its answer.
for at in range(1, len(prefixed(query()))):
    MADE[f"TCP, a query cut at {at}"] = Case(stream(cut(prefixed(query()), at), [prefixed(answer())]))
for at in range(1, len(prefixed(answer()))):
    MADE[f"TCP, an answer cut at {at}"] = Case(stream([prefixed(query())], cut(prefixed(answer()), at)))
MADE["TCP, byte for byte"] = Case(stream(cut(prefixed(query()), *range(1, 35)), cut(prefixed(answer()), *range(1, 51))))
# Names that point to themselves, to each other, forward, or outside: tshark calls the packet malformed and counts it.
LOOP = struct.pack(">6H", 3, 0x0100, 1, 0, 0, 0)
for what, bad in (("to itself", b"\xc0\x0c"), ("in a circle", b"\xc0\x0e\xc0\x0c"), ("outside", b"\xcf\xff"), ("to its own label", b"\1a\xc0\x0c")):
    MADE[f"a name that points {what}"] = Case(both(query(), answer()) + [ethernet(ip4(CLIENT, SERVER, udp(33002, 53, LOOP + bad + b"\0\1\0\1")))],
                                              explained={"messages": -1, "queries": 1})


def write(path, case):
    with open(path, "wb") as file:
        file.write(struct.pack("<I2H4I", 0xA1B23C4D, 2, 4, 0, 0, case.snap or 65535, case.link))
        for number, frame in enumerate(case.frames):
            kept = frame[:case.snap]
            at = 1_700_000_000_000_000_001 + number * 1_000_003
            file.write(struct.pack("<4I", at // 10**9, at % 10**9, len(kept), len(frame)) + kept)


# --- All of them ---


def compare(program, what, path, ports, explained):
    theirs = tshark(path, ports)
    questions, sums = dnsprobe(program, path, ports)
    found = differences(theirs, questions, sums, explained)
    for line in found:
        print(f"{what}: {line}")
    return len(theirs), not found


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--dnsprobe", required=True)
    words.add_argument("captures", nargs="*")
    args = words.parse_args()
    if not shutil.which("tshark"):
        print("SKIPPED: tshark is not installed, so nothing was compared with it")
        return
    files = []
    for place in args.captures or [TRACES]:
        inside = sorted(os.listdir(place)) if os.path.isdir(place) else []
        files += [os.path.join(place, it) for it in inside if it.endswith(CAPTURES)] or [place]
    results = [compare(args.dnsprobe, os.path.basename(path), path, (53,), {}) for path in files]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "made.pcap")
        for what, case in MADE.items():
            write(path, case)
            results.append(compare(args.dnsprobe, what, path, case.ports, case.explained))
    wrong = sum(not same for _, same in results)
    print(f"{len(files)} captures and {len(MADE)} made here, {sum(count for count, _ in results)} DNS messages: {wrong} differ")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
