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

std::string controller_page(const std::string& name) {
    for (const page* each = controller_pages; each->name != nullptr; ++each) {
        if (name == each->name) {
            return each->text;
        }
    }
    return {};
}

std::string controller_list() {
    std::string list;
    for (const std::string& name : controller_names()) {
        const std::string page = controller_page(name);
        // "# name EM-DASH what it does", in UTF-8
        const std::string heading = page.substr(0, page.find('\n'));
        const size_t dash = heading.find("\xe2\x80\x94 ");
        list += fmt::format(
            "{:<12}{}\n", name, dash != std::string::npos ? heading.substr(dash + 4) : "");
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
