// SPDX-License-Identifier: Apache-2.0
#pragma once

// `ringpool controller`: the thread-count controllers of this build and what is to know about them.

#include <string>
#include <vector>

namespace rp::lab {

std::vector<std::string> controller_names();

// One line for each: its name and what it does, from the heading of its page.
std::string controller_list();

// The message for a name that does not exist, with those that do.
std::string unknown_controller(const std::string& name);

} // namespace rp::lab
