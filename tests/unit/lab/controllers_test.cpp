// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/controllers.hpp"
#include "bench/lab/pages.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace rp;

TEST_CASE("controller: every one of the build has a page that begins with its name") {
    const auto names = lab::controller_names();
    CHECK(names.size() >= 8);
    CHECK(names.size() == lab::controller_pages().size());
    for (const std::string& name : names) {
        CAPTURE(name);
        const lab::page* its = lab::find_page(lab::controller_pages(), name);
        REQUIRE(its != nullptr);
        const std::string page = its->text;
        CHECK(page.rfind("# " + name + " ", 0) == 0);
        for (const char* part :
             {"**Idea.**", "**Samples.**", "| knob", "**Known gaps.**", "**From.**"}) {
            CAPTURE(part);
            CHECK(page.find(part) != std::string::npos);
        }
    }
}

TEST_CASE("controller: the list has one line for each, with the heading of its page") {
    const std::string list = lab::controller_list();
    size_t lines = 0;
    for (const char c : list) {
        lines += c == '\n' ? 1 : 0;
    }
    CHECK(lines == lab::controller_names().size());
    CHECK(list.find("fixed       N threads, whatever happens\n") != std::string::npos);
}

TEST_CASE("controller: an unknown name has no page, and the message lists those that exist") {
    CHECK(lab::find_page(lab::controller_pages(), "nonsense") == nullptr);
    const std::string message = lab::unknown_controller("nonsense");
    CHECK(message.find("'nonsense'") != std::string::npos);
    for (const std::string& name : lab::controller_names()) {
        CHECK(message.find(" " + name) != std::string::npos);
    }
}
