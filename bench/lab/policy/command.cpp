// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/policy/command.hpp"

#include "bench/lab/environment.hpp"
#include "bench/lab/pages.hpp"
#include "bench/lab/policy/template.hpp"
#include "bench/lab/runner.hpp"

#include <fmt/format.h>
#include <ringpool/ringpool.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>

namespace rp::lab {

namespace {

bool describe_policy(const std::string& name, rp_policy_info& info) {
    info = {};
    info.size = sizeof info;
    return rp_policy_query(name.c_str(), &info) != 0;
}

std::string known_policies() {
    std::string all;
    for (const std::string& name : policy_names()) {
        all += (all.empty() ? "" : " ") + name;
    }
    return all;
}

bool is_name_for_policy(const std::string& name) {
    return !name.empty() && name.size() <= 64 && name.front() >= 'a' && name.front() <= 'z' &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
           });
}

std::string filled_in(std::string_view text, const std::string& name) {
    std::string type = name;
    std::replace(type.begin(), type.end(), '-', '_');
    std::string made;
    for (size_t at = 0; at < text.size();) {
        const size_t mark = std::min(text.find('@', at), text.size());
        made += text.substr(at, mark - at);
        const size_t end = text.find('@', mark + 1);
        const std::string_view word =
            end == std::string_view::npos ? "" : text.substr(mark + 1, end - mark - 1);
        if (word == "NAME" || word == "TYPE" || word == "TAB") {
            made += word == "NAME" ? name : word == "TYPE" ? type : "\t";
            at = end + 1;
        } else {
            made += text.substr(mark, 1);
            at = mark + 1;
        }
    }
    return made;
}

/// What is in the way, or went wrong; empty when the file is written.
std::string write_new(const std::filesystem::path& path, const std::string& text) {
    std::FILE* file = std::fopen(path.c_str(), "wxe"); // x: never over something that exists
    if (file == nullptr) {
        return fmt::format("cannot write {}: {}", path.string(), std::strerror(errno));
    }
    const bool is_written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    const bool is_closed = std::fclose(file) == 0;
    return is_written && is_closed
               ? ""
               : fmt::format("cannot write {}: {}", path.string(), std::strerror(errno));
}

} // namespace

int list_policies() {
    for (const std::string& name : policy_names()) {
        rp_policy_info info;
        const std::string other =
            describe_policy(name, info) && *info.aliases != '\0' ? info.aliases : "";
        const page* its = find_page(policy_pages(), name);
        fmt::print("{:<14}{:<16}{}\n",
                   name,
                   other,
                   its != nullptr ? its->summary : "loaded from a shared object");
    }
    return exit_fine;
}

int show_policy(const std::string& name) {
    rp_policy_info info;
    if (!describe_policy(name, info)) {
        fmt::print(stderr, "ringpool: unknown policy '{}'; known: {}\n", name, known_policies());
        return exit_usage;
    }
    const page* its = find_page(policy_pages(), info.name);
    if (its == nullptr) {
        fmt::print(stderr,
                   "ringpool: policy '{}' comes from a shared object, which has no page\n",
                   info.name);
        return exit_usage;
    }
    fmt::print("{}", its->text);
    if (info.knob_count != 0) {
        fmt::print("\nTo set one: RINGPOOL_POLICY={}:{}={}\n",
                   info.name,
                   info.knobs[0].name,
                   info.knobs[0].value);
    }
    return exit_fine;
}

int new_policy(const std::string& name, const std::string& directory) {
    if (!is_name_for_policy(name)) {
        fmt::print(stderr,
                   "ringpool: '{}' cannot be the name of a policy: it takes 1 to 64 lower-case "
                   "letters, digits or '-', a letter first\n",
                   name);
        return exit_usage;
    }
    rp_policy_info info;
    if (describe_policy(name, info)) {
        fmt::print(stderr,
                   "ringpool: there is a policy '{}' already; choose a name that is none of: {}\n",
                   name,
                   known_policies());
        return exit_usage;
    }
    const std::filesystem::path folder = directory.empty() ? name : directory;
    std::error_code error;
    if (std::filesystem::exists(folder, error)) {
        fmt::print(stderr,
                   "ringpool: {} exists already; name another DIR or remove it\n",
                   folder.string());
        return exit_usage;
    }
    if (!std::filesystem::create_directories(folder, error)) {
        fmt::print(stderr, "ringpool: cannot make {}: {}\n", folder.string(), error.message());
        return exit_failed;
    }
    for (const policy_template_file& each : policy_template()) {
        const std::string problem = write_new(folder / each.name, filled_in(each.text, name));
        if (!problem.empty()) {
            fmt::print(stderr, "ringpool: {}\n", problem);
            return exit_failed;
        }
    }
    fmt::print("{0}/policy.cpp   the policy; place and next are what to change\n"
               "{0}/Makefile     make builds {1}.so, make check checks it\n"
               "{0}/README.md    the next steps\n",
               folder.string(),
               name);
    return exit_fine;
}

int load_policies(const std::vector<std::string>& objects) {
    for (const std::string& each : objects) {
        // Without a '/' the loader would look in the system's directories instead.
        std::error_code error;
        const std::filesystem::path path = std::filesystem::absolute(each, error);
        if (rp_policy_load(error ? each.c_str() : path.c_str()) == nullptr) {
            fmt::print(stderr,
                       "ringpool: --policy-lib {}: not loaded, see above; `ringpool policy check "
                       "{}` says more\n",
                       each,
                       each);
            return exit_usage;
        }
    }
    return exit_fine;
}

} // namespace rp::lab
