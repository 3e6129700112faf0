// SPDX-License-Identifier: Apache-2.0
#pragma once

// Pages that the tool shows: the READMEs that stand next to the code they describe, embedded at
// build time by embed_pages.py.

#include <algorithm>
#include <string_view>
#include <vector>

namespace rp::lab {

struct page {
    const char* name;
    const char* summary; // the rest of its title
    const char* text;
};

const std::vector<page>& controller_pages();
const std::vector<page>& policy_pages();

// nullptr: there is none of this name.
inline const page* find_page(const std::vector<page>& table, std::string_view name) {
    const auto found =
        std::find_if(table.begin(), table.end(), [&](const page& p) { return p.name == name; });
    return found == table.end() ? nullptr : &*found;
}

} // namespace rp::lab
