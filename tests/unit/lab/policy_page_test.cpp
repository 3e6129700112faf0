// SPDX-License-Identifier: Apache-2.0
// The pages of the shipped policies against the policies.
#include "bench/lab/environment.hpp"
#include "bench/lab/pages.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <ringpool/ringpool.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace {

using rp::lab::page;

/// The rows of the table of knobs, "NAME value lowest highest", without the spaces of thousands.
std::vector<std::string> knob_rows(std::string_view page) {
    std::vector<std::string> rows;
    for (size_t at = 0; (at = page.find("\n| `", at)) != std::string_view::npos; ++at) {
        std::string cells[4];
        std::string_view line = page.substr(at + 3, page.find('\n', at + 1) - at - 3);
        for (std::string& cell : cells) {
            const size_t bar = std::min(line.find('|'), line.size());
            for (const char c : line.substr(0, bar)) {
                if (c != '`' && c != ' ') {
                    cell += c;
                }
            }
            line.remove_prefix(std::min(bar + 1, line.size()));
        }
        const std::string dots = "\u2026";
        const size_t between = cells[2].find(dots);
        REQUIRE(between != std::string::npos);
        CHECK(!cells[3].empty());
        rows.push_back(fmt::format("{} {} {} {}",
                                   cells[0],
                                   cells[1],
                                   cells[2].substr(0, between),
                                   cells[2].substr(between + dots.size())));
    }
    return rows;
}

} // namespace

TEST_CASE("every shipped policy has a page and every page a policy") {
    std::vector<std::string> names = rp::lab::policy_names();
    std::vector<std::string> titles;
    for (const page& each : rp::lab::policy_pages()) {
        titles.emplace_back(each.name);
        CHECK(*each.summary != '\0');
    }
    std::sort(names.begin(), names.end());
    std::sort(titles.begin(), titles.end());
    CHECK(names == titles);
}

TEST_CASE("the table of knobs on a page is what the policy takes") {
    for (const page& each : rp::lab::policy_pages()) {
        CAPTURE(each.name);
        rp_policy_info info = {};
        info.size = sizeof info;
        REQUIRE(rp_policy_query(each.name, &info));
        std::vector<std::string> knobs;
        for (unsigned i = 0; i < info.knob_count; ++i) {
            const rp_policy_knob& k = info.knobs[i];
            knobs.push_back(fmt::format("{} {} {} {}", k.name, k.value, k.lowest, k.highest));
        }
        std::vector<std::string> rows = knob_rows(each.text);
        std::sort(knobs.begin(), knobs.end());
        std::sort(rows.begin(), rows.end());
        CHECK(rows == knobs);
    }
}

TEST_CASE("a page tells the other names of its policy") {
    for (const page& each : rp::lab::policy_pages()) {
        CAPTURE(each.name);
        rp_policy_info info = {};
        info.size = sizeof info;
        REQUIRE(rp_policy_query(each.name, &info));
        std::string aliases = info.aliases;
        aliases.push_back(' ');
        for (size_t at = 0; aliases.size() > 1 && at < aliases.size();) {
            const size_t end = aliases.find(' ', at);
            CHECK(std::string_view(each.text).find("`" + aliases.substr(at, end - at) + "`") !=
                  std::string_view::npos);
            at = end + 1;
        }
    }
}
