#include "web/pages.h"

#include "base/buf.h"
#include "base/version.h"

static void add_escaped(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            buf_text(out, "&amp;");
            break;
        case '<':
            buf_text(out, "&lt;");
            break;
        case '"':
            buf_text(out, "&quot;");
            break;
        default:
            buf_char(out, *text);
        }
    }
}

static void add_link(struct buf *out, const char *path, const char *what)
{
    buf_text(out, "<li><a href=\"");
    add_escaped(out, path);
    buf_text(out, "\">");
    add_escaped(out, path);
    buf_format(out, "</a> %s</li>\n", what);
}

char *page_index(const char *telemetry_path, size_t *out_length)
{
    struct buf page = BUF_EMPTY;
    buf_text(&page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<title>redis_cluster_exporter</title>\n"
                    "<style>body{font-family:sans-serif;max-width:40em;margin:3em auto;"
                    "padding:0 1em}</style>\n</head>\n<body>\n<h1>redis_cluster_exporter</h1>\n"
                    "<p>Prometheus exporter for Redis Cluster and Valkey Cluster: every node, and "
                    "what no single node knows.</p>\n<ul>\n");
    add_link(&page, telemetry_path, "metrics of all nodes");
    add_link(&page, "/-/healthy", "the exporter runs");
    add_link(&page, "/-/ready", "the exporter takes requests");
    buf_text(&page, "</ul>\n<p>Version " EXPORTER_VERSION " (" EXPORTER_REVISION
                    ")</p>\n</body>\n</html>\n");
    *out_length = page.length;
    return page.data;
}
