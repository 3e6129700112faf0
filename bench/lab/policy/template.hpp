// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

// What `ringpool policy new` writes. Filled in are @NAME@, @TYPE@ (the name as an identifier) and
// @TAB@, which make wants and this project's sources do not have.

namespace rp::lab {

struct policy_template_file {
    const char* name;
    const char* text;
};

const std::vector<policy_template_file>& policy_template();

} // namespace rp::lab
