"""Search indexes of a scripted server with the module: each family, and replies that are broken."""

from harness import Exporter, FakeNode, INFO, bulk
from test_dialect import RxPage

MODULES = "# Modules\r\nmodule:name=search,ver=20809,api=1,filters=0,usedby=[],using=[]\r\n"
MEGABYTE = 1 << 20

# family after redis_search_index_ -> (field of FT.INFO, its text, the value of the family)
FIELDS = {
    "num_docs": ("num_docs", "12", 12),
    "max_doc_id": ("max_doc_id", "15", 15),
    "num_terms": ("num_terms", "7", 7),
    "num_records": ("num_records", "99", 99),
    "inverted_size_bytes": ("inverted_sz_mb", "0.5", 0.5 * MEGABYTE),
    "total_inverted_index_blocks": ("total_inverted_index_blocks", "20", 20),
    "vector_index_size_bytes": ("vector_index_sz_mb", "1.25", 1.25 * MEGABYTE),
    "offset_vectors_size_bytes": ("offset_vectors_sz_mb", "0.25", 0.25 * MEGABYTE),
    "doc_table_size_bytes": ("doc_table_size_mb", "2", 2 * MEGABYTE),
    "sortable_values_size_bytes": ("sortable_values_size_mb", "0", 0),
    "key_table_size_bytes": ("key_table_size_mb", "9.5367431640625e-07", 1),
    "tag_overhead_size_bytes": ("tag_overhead_sz_mb", "3", 3 * MEGABYTE),
    "text_overhead_size_bytes": ("text_overhead_sz_mb", "4", 4 * MEGABYTE),
    "total_index_memory_size_bytes": ("total_index_memory_sz_mb", "12.5", 12.5 * MEGABYTE),
    "geoshapes_size_bytes": ("geoshapes_sz_mb", "6", 6 * MEGABYTE),
    "avg_per_doc_records": ("records_per_doc_avg", "8.25", 8.25),
    "avg_per_record_bytes": ("bytes_per_record_avg", "5.5", 5.5),
    "avg_per_term_offsets": ("offsets_per_term_avg", "1.5", 1.5),
    "avg_per_record_offset_bits": ("offset_bits_per_record_avg", "8", 8),
    "indexing": ("indexing", "1", 1),
    "percent_indexed": ("percent_indexed", "0.75", 0.75),
    "hash_indexing_failures": ("hash_indexing_failures", "2", 2),
    "cleaning": ("cleaning", "0", 0),
    "number_of_uses_total": ("number_of_uses", "31", 31),
}


def encode(value):
    """A reply in wire format: integers, texts, lists; bytes are taken as they are."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, int):
        return b":%d\r\n" % value
    if isinstance(value, str):
        return bulk(value)
    return b"*%d\r\n" % len(value) + b"".join(map(encode, value))


def index_info(name):
    """A reply to FT.INFO as RediSearch gives it."""
    told = ["index_name", name, "index_options", [], "index_definition", ["key_type", "HASH"],
            "attributes", [["identifier", "a", "type", "TEXT"]]]
    for field, text, _ in FIELDS.values():
        told += [field, int(text) if field in ("indexing", "number_of_uses") else text]
    return encode([*told, "gc_stats", ["bytes_collected", "0"], "stopwords_list", ["a"]])


class SearchNode(FakeNode):
    """A server with these indexes; `searched` are the commands of the module that it was sent."""

    def __init__(self, *indexes, modules=MODULES):
        super().__init__()
        self.indexes, self.searched = indexes, []
        self.replies = {"INFO MODULES": bulk(modules), "INFO": bulk(
            INFO.format(port=self.port, clients=1)), "FT._LIST": encode(list(indexes))}

    def answer(self, args):
        if args[0].startswith("FT."):
            self.searched.append(args)
        if args[0] == "FT.INFO" and "FT.INFO" not in self.replies:
            return index_info(args[1])
        return super().answer(args)


def about_indexes(page):
    return {name for name, _ in page.samples if name.startswith("redis_search_index_")}


def exported(page):
    return {labels["index_name"] for labels, _ in page.all("redis_search_index_num_docs")}


def test_each_family_of_an_index_has_its_value():
    node = SearchNode("books", 'an "odd" one')
    exporter = Exporter(node.addr, "--collector.search")
    for page in exporter.scrape(), RxPage(exporter.get(f"/scrape?target={node.addr}")):
        assert len(FIELDS) == 24
        assert about_indexes(page) == {"redis_search_index_" + name for name in FIELDS}
        for name, (_, _, value) in FIELDS.items():
            found = page.all("redis_search_index_" + name)
            assert [got for _, got in found] == [value, value], (name, found)
        assert not page.all("redis_module_info"), "that is another collector"
    assert exported(exporter.scrape()) == {"books", 'an "odd" one'}


def test_indexes_are_chosen_by_their_names():
    node = SearchNode("books", "users:1", "users:2", "old")
    for flag, names in ((".*", {"books", "users:1", "users:2", "old"}), ("^users:", {"users:1",
                        "users:2"}), ("^(books|old)$", {"books", "old"}), ("nothing", set())):
        node.searched.clear()
        exporter = Exporter(node.addr, "--collector.search", f"--check-search-indexes={flag}")
        assert exported(exporter.scrape()) == names
        assert node.searched == [["FT._LIST"], *(["FT.INFO", name.upper()] for name in node.indexes
                                                 if name in names)]


def test_a_server_without_the_module_is_never_asked():
    for modules in "", "# Modules\r\nmodule:name=ReJSON,ver=1\r\n", \
            "# Modules\r\nmodule:name=research,ver=1,using=[search|ft]\r\n":
        node = SearchNode("books", modules=modules)
        exporter = Exporter(node.addr, "--collector.search")
        for _ in range(2):
            page = exporter.scrape()
            assert page.up() == {node.addr: 1} and not about_indexes(page)
        assert not node.searched
    node = SearchNode("books")
    exporter = Exporter(node.addr)
    exporter.scrape()
    assert not node.searched, "the collector is off"
    valkey = SearchNode("books", modules="# Modules\r\nmodule:name=search,ver=10000,api=1\r\n")
    assert exported(Exporter(valkey.addr, "--collector.search").scrape()) == {"books"}


LISTS = [b"+OK\r\n", b":1\r\n", b"$-1\r\n", b"*-1\r\n", b"*0\r\n", b"-ERR no\r\n",
         encode([1, ["books"], b"$-1\r\n"]), bulk("books"), encode(["x" * 300])]
INFOS = [b"+OK\r\n", b":1\r\n", b"$-1\r\n", b"*0\r\n", b"-Unknown index name\r\n", bulk("num_docs"),
         encode(["num_docs"]), encode([["num_docs", "1"]]), encode([1, 2]),
         encode(["num_docs", ["1"], "num_terms", b"$-1\r\n", "inverted_sz_mb", ["1"]]),
         encode(["num_docs", "many", "inverted_sz_mb", "nan", "number_of_uses", "-1",
                 "doc_table_size_mb", "inf", "indexing", "", "cleaning", "1\n"])]


def test_broken_replies_give_nothing_and_harm_nothing():
    node = SearchNode("books")
    exporter = Exporter(node.addr, "--collector.search")
    good = dict(node.replies)
    for broken in [{"FT._LIST": reply} for reply in LISTS] + [{"FT.INFO": info} for info in INFOS]:
        node.replies = {**good, **broken}
        page = exporter.scrape()
        assert page.up() == {node.addr: 1} and page.get("redis_connected_clients") == 1, broken
        assert not about_indexes(page), (broken, about_indexes(page))
    node.replies = {**good, "FT.INFO": encode(["num_docs", "x", "num_docs", "5", "num_docs", "6"])}
    assert exporter.scrape().get("redis_search_index_num_docs") == 5
    node.replies = good
    assert len(about_indexes(exporter.scrape())) == len(FIELDS)


def test_a_server_that_refuses_the_module_s_commands_keeps_its_page():
    node = SearchNode("books")
    node.replies["FT._LIST"] = b"-NOPERM User few has no permissions to run 'ft._list'\r\n"
    exporter = Exporter(node.addr, "--collector.search")
    for _ in range(3):
        page = exporter.scrape()
        assert page.up() == {node.addr: 1} and not about_indexes(page)
        assert page.get("redis_exporter_collector_failed", collector="search") == 1
    assert node.searched == [["FT._LIST"]], "once for each connection"
