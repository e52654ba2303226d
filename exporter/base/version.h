// What the build says about itself.
#pragma once

#ifndef EXPORTER_VERSION
#define EXPORTER_VERSION "unknown"
#endif
#ifndef EXPORTER_REVISION
#define EXPORTER_REVISION "unknown"
#endif
