// SPDX-License-Identifier: Apache-2.0
#pragma once

// The parts of report.html, and those of bench.html, embedded at build time by report/embed.py.

namespace rp::lab {

extern const char* const report_page;
extern const char* const report_style;
extern const char* const report_script;

extern const char* const bench_page;
extern const char* const bench_style;

} // namespace rp::lab
