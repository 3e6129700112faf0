// SPDX-License-Identifier: Apache-2.0
#pragma once

// Pages that the tool shows, embedded at build time by embed_pages.py from the files that stand
// next to the code they describe.

namespace rp::lab {

struct page {
    const char* name; // nullptr: the end of the table
    const char* text;
};

extern const page controller_pages[];

} // namespace rp::lab
