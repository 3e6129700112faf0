// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/controllers.hpp"

#include "bench/lab/pages.hpp"

#include <fmt/format.h>
#include <ringpool/ringpool.h>

namespace rp::lab {

std::vector<std::string> controller_names() {
    std::vector<std::string> names;
    for (const char* const* name = rp_controller_names(); *name != nullptr; ++name) {
        names.emplace_back(*name);
    }
    return names;
}

std::string controller_list() {
    std::string list;
    for (const std::string& name : controller_names()) {
        const page* its = find_page(controller_pages(), name);
        list += fmt::format("{:<12}{}\n", name, its != nullptr ? its->summary : "");
    }
    return list;
}

std::string unknown_controller(const std::string& name) {
    std::string known;
    for (const std::string& each : controller_names()) {
        known += " " + each;
    }
    return fmt::format("ringpool: unknown controller '{}'; known:{}\n", name, known);
}

} // namespace rp::lab
