"""The strict parser has to refuse what it is there to refuse."""

from harness import BadPage, parse_nodes, parse_strict

HEAD = "# HELP a_total Text.\n# TYPE a_total counter\n"
OTHER = "# HELP b Text.\n# TYPE b gauge\n"

BAD = {
    "no final newline": HEAD + "a_total 1",
    "sample twice": HEAD + 'a_total{x="1",y="2"} 1\na_total{y="2",x="1"} 2\n',
    "family split": HEAD + "a_total 1\n" + OTHER + 'b 1\na_total{x="1"} 1\n',
    "family repeated": HEAD + "a_total 1\n" + OTHER + "b 1\n" + HEAD,
    "no HELP": '# TYPE a gauge\na 1\n',
    "no TYPE": '# HELP a Text.\na 1\n',
    "no HELP and TYPE": HEAD + "a_total 1\nb 1\n",
    "HELP twice": "# HELP a_total Text.\n" + HEAD + "a_total 1\n",
    "TYPE after sample": "# HELP b Text.\nb 1\n# TYPE b gauge\n",
    "unknown type": "# HELP b Text.\n# TYPE b info\nb 1\n",
    "counter without _total": "# HELP b Text.\n# TYPE b counter\nb 1\n",
    "negative counter": HEAD + "a_total -1\n",
    "raw quote in label": OTHER + 'b{x="a"b"} 1\n',
    "bad escape in label": OTHER + 'b{x="a\\t"} 1\n',
    "open escape in label": OTHER + 'b{x="a\\"} 1\n',
    "label twice": OTHER + 'b{x="1",x="2"} 1\n',
    "bad label name": OTHER + 'b{x-y="1"} 1\n',
    "bad value": OTHER + "b one\n",
    "no value": OTHER + "b \n",
    "two spaces": OTHER + "b  1\n",
    "carriage return": OTHER + "b 1\r\n",
    "garbage": OTHER + "b 1\n%\n",
}


def test_the_strict_parser_reads_good_pages():
    types, samples = parse_strict(
        HEAD + "a_total 1e3\n" + OTHER + 'b{x="a\\"\\\\\\nb",y=""} -Inf\n'
        "# HELP h Text with \\\\ and \\n.\n# TYPE h histogram\n"
        'h_bucket{le="+Inf"} 2\nh_sum 0.5\nh_count 2\n')
    assert types == {"a_total": "counter", "b": "gauge", "h": "histogram"}
    assert samples["a_total", ()] == 1000
    assert samples["b", (("x", 'a"\\\nb'), ("y", ""))] == float("-inf")
    assert len(samples) == 5


def test_the_strict_parser_refuses_bad_pages():
    for what, text in BAD.items():
        try:
            parse_strict(text)
        except BadPage:
            continue
        raise AssertionError(f"accepted: {what}")


def test_cluster_nodes_are_parsed():
    line = ("07c37df 127.0.0.1:30004@31004,host slave,fail? e7d1eec 0 142 4 connected\n"
            "67ed2db [::1]:30002@31002 myself,master - 0 142 2 connected 5461-10922 3 [4->-67ed]\n")
    first, second = parse_nodes(line.replace("[::1]", "::1"))
    assert first["addr"] == "127.0.0.1:30004" and first["flags"] == ["slave", "fail?"]
    assert second["addr"] == "::1:30002" and second["slots"] == 5463 and first["slots"] == 0
