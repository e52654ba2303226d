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

// A page that takes a target.
static void add_form(struct buf *out, const char *path, const char *button)
{
    buf_format(out,
               "<form action=\"%s\" method=\"get\"><label>%s <input name=\"target\" "
               "placeholder=\"redis://host:6379\" required></label> "
               "<button>%s</button></form>\n",
               path, path, button);
}

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<title>redis_cluster_exporter</title>\n"
    "<style>body{font-family:sans-serif;max-width:40em;margin:3em auto;padding:0 1em}"
    "form{margin:.5em 0}</style>\n</head>\n<body>\n<h1>redis_cluster_exporter</h1>\n"
    "<p>Prometheus exporter for Redis Cluster and Valkey Cluster: every node, and "
    "what no single node knows.</p>\n";

char *page_index(const char *telemetry_path, size_t *out_length)
{
    struct buf page = BUF_EMPTY;
    buf_text(&page, head);
    buf_text(&page, "<h2>Pages</h2>\n<ul>\n");
    add_link(&page, telemetry_path, "metrics of all nodes");
    add_link(&page, "/api/v1/clusters", "what is wrong with the clusters, as JSON");
    add_link(&page, "/discover-cluster-nodes", "nodes, for Prometheus' http_sd_configs");
    add_link(&page, "/-/healthy", "the exporter runs");
    add_link(&page, "/-/ready", "the exporter takes requests");
    buf_text(&page, "</ul>\n<h2>One target</h2>\n"
                    "<p>Nodes of the configured clusters, and what --scrape.allow allows.</p>\n");
    add_form(&page, "/scrape", "metrics of one node");
    add_form(&page, "/cluster", "metrics of its cluster");
    buf_text(&page,
             "<p>Version " EXPORTER_VERSION " (" EXPORTER_REVISION ")</p>\n</body>\n</html>\n");
    *out_length = page.length;
    return page.data;
}
