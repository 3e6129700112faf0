// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

// The README of each shipped policy, embedded at build time by embed_pages.py.

namespace rp::lab {

struct policy_page {
    const char* name;
    const char* summary; // the rest of its title
    const char* text;
};

const std::vector<policy_page>& policy_pages();

} // namespace rp::lab
