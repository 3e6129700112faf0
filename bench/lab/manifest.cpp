// SPDX-License-Identifier: Apache-2.0
// Reading a manifest. Each key is looked up in the table of `[quick]` first (when --quick is given)
// and then in the plain one; both tables are checked in full either way, so that a mistake in
// `[quick]` does not wait for the day somebody uses it.
#include "bench/lab/manifest.hpp"

#include "bench/lab/quantity.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include <toml++/toml.h>

namespace rp::lab {

const char* name_of(section_kind kind) noexcept {
    switch (kind) {
    case section_kind::submit:
        return "submit";
    case section_kind::read:
        return "read";
    case section_kind::echo:
        return "echo";
    }
    return "";
}

std::string nearest(const std::string& word, std::span<const std::string> candidates) {
    std::string best;
    std::size_t best_edits = std::max<std::size_t>(2, word.size() / 2) + 1;
    for (const std::string& candidate : candidates) {
        std::vector<std::size_t> row(candidate.size() + 1);
        std::iota(row.begin(), row.end(), 0);
        for (std::size_t i = 0; i < word.size(); ++i) {
            std::size_t diagonal = std::exchange(row[0], i + 1);
            for (std::size_t j = 0; j < candidate.size(); ++j) {
                const std::size_t replace = diagonal + (word[i] == candidate[j] ? 0 : 1);
                diagonal = row[j + 1];
                row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replace});
            }
        }
        // A word cut short is a likely slip however much is missing.
        const bool cut = word.size() >= 4 && candidate.rfind(word, 0) == 0;
        const std::size_t edits = cut ? std::min<std::size_t>(row.back(), 2) : row.back();
        if (edits < best_edits) {
            best_edits = edits;
            best = candidate;
        }
    }
    return best;
}

namespace {

using words = std::vector<std::string>;

const words root_keys{"schema",
                      "name",
                      "claim",
                      "seed",
                      "repetitions",
                      "budget",
                      "gates",
                      "quick",
                      "submit",
                      "read",
                      "echo"};
const words gate_keys{
    "stalls", "achieved", "interference", "other_cpu", "throttled", "stationary", "lost_events"};
const words submit_keys{"service", "load", "policy", "workers", "warmup", "duration", "aa"};
const words read_keys{
    "engine", "direct", "depth", "file_size", "workers", "warmup", "duration", "aa"};
const words echo_keys{"engine", "connections", "workers", "warmup", "duration", "aa"};

// Problems with their line, so that they can be printed in file order.
class problem_list {
public:
    explicit problem_list(std::string file) : file_(std::move(file)) {}

    void add(std::uint32_t line, const std::string& key, const std::string& what) {
        found_.emplace_back(line, fmt::format("{}:{}: {}: {}", file_, line, key, what));
    }

    [[nodiscard]] words sorted() const {
        auto copy = found_;
        std::stable_sort(copy.begin(), copy.end(), [](const auto& a, const auto& b) {
            return a.first < b.first;
        });
        words lines;
        for (const auto& [line, text] : copy) {
            if (std::find(lines.begin(), lines.end(), text) == lines.end()) {
                lines.push_back(text);
            }
        }
        return lines;
    }

private:
    std::string file_;
    std::vector<std::pair<std::uint32_t, std::string>> found_;
};

// A table and, over it, the table of the same name in `[quick]`.
class layered_table {
public:
    layered_table(const toml::table* base,
                  const toml::table* overlay,
                  std::string name,
                  problem_list& problems)
        : base_(base), overlay_(overlay), name_(std::move(name)), problems_(&problems) {}

    [[nodiscard]] bool present() const { return base_ != nullptr; }

    [[nodiscard]] std::string path(const std::string& key) const {
        return name_.empty() ? key : name_ + "." + key;
    }

    [[nodiscard]] std::uint32_t line() const {
        return base_ == nullptr ? 1 : std::max<std::uint32_t>(base_->source().begin.line, 1);
    }

    void check_keys(const words& allowed) const {
        check_keys_of(base_, name_, allowed);
        check_keys_of(overlay_, name_.empty() ? "quick" : "quick." + name_, allowed);
    }

    [[nodiscard]] const toml::node* find(const std::string& key) const {
        if (overlay_ != nullptr) {
            if (const toml::node* node = overlay_->get(key)) {
                return node;
            }
        }
        return base_ == nullptr ? nullptr : base_->get(key);
    }

    void complain(const toml::node& node, const std::string& key, const std::string& what) const {
        problems_->add(node.source().begin.line, path(key), what);
    }

    void missing(const std::string& key, const std::string& allowed) const {
        problems_->add(line(), path(key), "missing; allowed: " + allowed);
    }

    // Reads a scalar by `parse`, which answers nothing for what is not allowed.
    template <class T, class Parse>
    void scalar(const std::string& key, T& out, const std::string& allowed, Parse parse) const {
        if (const toml::node* node = find(key)) {
            if (const auto value = parse(*node)) {
                out = static_cast<T>(*value);
            } else {
                complain(*node, key, "not allowed here; allowed: " + allowed);
            }
        }
    }

    // Reads a factor: one value or a list of different ones.
    template <class T, class Parse>
    void factor(const std::string& key,
                std::vector<T>& out,
                const std::string& allowed,
                Parse parse) const {
        const toml::node* const node = find(key);
        if (node == nullptr) {
            if (out.empty()) {
                missing(key, allowed);
            }
            return;
        }
        out.clear();
        const auto read_one = [&](const toml::node& item) {
            if (const auto value = parse(item)) {
                out.push_back(*value);
            } else {
                complain(item, key, "not allowed here; allowed: " + allowed);
            }
        };
        const toml::array* const list = node->as_array();
        if (list == nullptr) {
            read_one(*node);
            return;
        }
        if (list->empty()) {
            complain(*node, key, "the list is empty; allowed: " + allowed);
        }
        std::set<std::string> seen;
        for (const toml::node& item : *list) {
            if (!seen.insert(spelled(item)).second) {
                complain(item, key, "listed twice; allowed: each value once");
            }
            read_one(item);
        }
    }

private:
    static std::string spelled(const toml::node& node) {
        std::string text;
        if (const auto value = node.value<std::string>()) {
            text = *value;
        } else if (const auto number = node.value<double>()) {
            text = fmt::format("{}", *number);
        } else if (const auto flag = node.value<bool>()) {
            text = *flag ? "true" : "false";
        }
        return fmt::format("{}:{}", static_cast<int>(node.type()), text);
    }

    void
    check_keys_of(const toml::table* table, const std::string& name, const words& allowed) const {
        if (table == nullptr) {
            return;
        }
        for (const auto& [key, node] : *table) {
            const std::string text(key.str());
            if (std::find(allowed.begin(), allowed.end(), text) != allowed.end()) {
                continue;
            }
            std::string what = fmt::format("unknown key; allowed: {}", joined(allowed, ", "));
            if (const std::string guess = nearest(text, allowed); !guess.empty()) {
                what += fmt::format("; did you mean \"{}\"?", guess);
            }
            problems_->add(key.source().begin.line, name.empty() ? text : name + "." + text, what);
        }
    }

    const toml::table* base_;
    const toml::table* overlay_;
    std::string name_;
    problem_list* problems_;
};

auto integer_between(std::int64_t low, std::int64_t high) {
    return [=](const toml::node& node) -> std::optional<std::int64_t> {
        const auto* const value = node.as_integer();
        if (value == nullptr || value->get() < low || value->get() > high) {
            return std::nullopt;
        }
        return value->get();
    };
}

auto number_between(double low, double high) {
    return [=](const toml::node& node) -> std::optional<double> {
        if (!node.is_number()) {
            return std::nullopt;
        }
        const auto value = node.value<double>();
        return value && *value >= low && *value <= high ? value : std::nullopt;
    };
}

auto duration_between(double low_ns, double high_ns) {
    return [=](const toml::node& node) -> std::optional<double> {
        const auto* const text = node.as_string();
        const auto ns = text == nullptr ? std::nullopt : parse_duration_ns(text->get());
        return ns && *ns >= low_ns && *ns <= high_ns ? ns : std::nullopt;
    };
}

std::optional<bool> boolean(const toml::node& node) {
    const auto* const value = node.as_boolean();
    return value == nullptr ? std::nullopt : std::optional<bool>(value->get());
}

class manifest_reader {
public:
    manifest_reader(const toml::table& root,
                    bool quick,
                    std::span<const std::string> policies,
                    problem_list& problems)
        : root_(&root), policies_(policies.begin(), policies.end()), problems_(&problems) {
        if (const toml::node* node = root.get("quick")) {
            quick_ = node->as_table();
            if (quick_ == nullptr) {
                problems.add(
                    node->source().begin.line, "quick", "not allowed here; allowed: a table");
            }
        }
        use_quick_ = quick;
    }

    void read(manifest& out) {
        const layered_table root(root_, use_quick_ ? quick_ : nullptr, "", *problems_);
        root.check_keys(root_keys);
        if (use_quick_ && quick_ != nullptr && quick_->get("quick") != nullptr) {
            root.complain(*quick_->get("quick"), "quick.quick", "not allowed here; allowed: once");
        }
        read_root(root, out);
        read_gates(table_of("gates"), out.gates);
        read_submit(table_of("submit"), out);
        read_transfer(table_of("read"), section_kind::read, out);
        read_transfer(table_of("echo"), section_kind::echo, out);
        if (root_->get("submit") == nullptr && root_->get("read") == nullptr &&
            root_->get("echo") == nullptr) {
            root.missing("[submit], [read] or [echo]", "at least one of these tables");
        }
    }

private:
    const toml::table* subtable(const toml::table* parent, const std::string& name) {
        const toml::node* const node = parent == nullptr ? nullptr : parent->get(name);
        if (node == nullptr) {
            return nullptr;
        }
        if (!node->is_table()) {
            problems_->add(node->source().begin.line,
                           name,
                           "not allowed here; allowed: a table, [" + name + "]");
        }
        return node->as_table();
    }

    layered_table table_of(const std::string& name) {
        return {
            subtable(root_, name), use_quick_ ? subtable(quick_, name) : nullptr, name, *problems_};
    }

    void read_root(const layered_table& root, manifest& out) {
        if (root.find("schema") == nullptr) {
            root.missing("schema", "1");
        }
        int schema = 1;
        root.scalar("schema", schema, "1 (the only version so far)", integer_between(1, 1));
        if (root.find("name") == nullptr) {
            root.missing("name", "lower-case letters, digits and dashes");
        }
        root.scalar("name",
                    out.name,
                    "lower-case letters, digits and dashes, at most 64",
                    [](const toml::node& node) -> std::optional<std::string> {
                        const auto name = node.value_exact<std::string>();
                        const auto fits = [](char c) {
                            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                        };
                        const bool good = name && !name->empty() && name->size() <= 64 &&
                                          std::all_of(name->begin(), name->end(), fits);
                        return good ? name : std::nullopt;
                    });
        root.scalar("claim", out.claim, "a string", [](const toml::node& node) {
            return node.value_exact<std::string>();
        });
        root.scalar("seed",
                    out.seed,
                    "an integer from 0",
                    integer_between(0, std::numeric_limits<std::int64_t>::max()));
        root.scalar(
            "repetitions", out.repetitions, "an integer from 1 to 1000", integer_between(1, 1000));
        double budget_ns = 0;
        root.scalar("budget",
                    budget_ns,
                    "a duration from \"1s\" to \"10000min\", e.g. \"5min\"",
                    duration_between(1e9, 600'000e9));
        out.budget_seconds = budget_ns * 1e-9;
    }

    static void read_gates(const layered_table& table, gate_limits& out) {
        table.check_keys(gate_keys);
        table.scalar("stalls",
                     out.stalls_ns,
                     "a duration from \"1us\" to \"1s\", e.g. \"20us\"",
                     duration_between(1e3, 1e9));
        table.scalar(
            "achieved", out.achieved, "a fraction from 0.001 to 0.5", number_between(0.001, 0.5));
        table.scalar("interference",
                     out.interference,
                     "a fraction from 0.001 to 10",
                     number_between(0.001, 10));
        table.scalar(
            "other_cpu", out.other_cpu, "a fraction from 0.001 to 1", number_between(0.001, 1));
        table.scalar("throttled",
                     out.throttled,
                     "an integer from 0 to 1000000",
                     integer_between(0, 1'000'000));
        table.scalar("lost_events",
                     out.lost_events,
                     "an integer from 0 to 1000000",
                     integer_between(0, 1'000'000));
        table.scalar("stationary", out.stationary, "true or false", boolean);
    }

    // Engines may carry a policy; the message names what this build has.
    void read_engines(const layered_table& table,
                      const std::string& key,
                      const words& allowed,
                      std::vector<std::string>& out) {
        table.factor(
            key,
            out,
            joined(allowed, ", "),
            [&](const toml::node& node) -> std::optional<std::string> {
                const auto text = node.value_exact<std::string>();
                const bool known =
                    text && std::find(allowed.begin(), allowed.end(), *text) != allowed.end();
                if (text && !known) {
                    if (const std::string guess = nearest(*text, allowed); !guess.empty()) {
                        table.complain(
                            node,
                            key,
                            fmt::format("\"{}\" is unknown; did you mean \"{}\"?", *text, guess));
                    }
                }
                return known ? text : std::nullopt;
            });
    }

    static void read_shared(const layered_table& table, section& out) {
        out.workers = {0};
        table.factor("workers",
                     out.workers,
                     "\"auto\" or an integer from 1 to 1024",
                     [](const toml::node& node) -> std::optional<unsigned> {
                         if (node.value_exact<std::string>() == "auto") {
                             return 0U;
                         }
                         const auto count = integer_between(1, 1024)(node);
                         return count ? std::optional(static_cast<unsigned>(*count)) : std::nullopt;
                     });
        double warmup_ns = 0.1e9;
        double duration_ns = 1e9;
        table.scalar("warmup",
                     warmup_ns,
                     "a duration from \"0ms\" to \"10min\"",
                     duration_between(0, 600e9));
        table.scalar("duration",
                     duration_ns,
                     "a duration from \"20ms\" to \"60min\"",
                     duration_between(20e6, 3600e9));
        out.warmup_seconds = warmup_ns * 1e-9;
        out.duration_seconds = duration_ns * 1e-9;
        table.scalar("aa", out.aa, "true or false", boolean);
    }

    void read_submit(const layered_table& table, manifest& out) {
        table.check_keys(submit_keys);
        if (!table.present()) {
            return;
        }
        section submit;
        table.factor("service",
                     submit.services,
                     "\"fixed 10us\", \"exponential 10us\" or \"bimodal 0.995 5us 1ms\" (the share "
                     "of short jobs, short, long), with a mean from 200ns to 1s",
                     [](const toml::node& node) -> std::optional<service_spec> {
                         const auto* const text = node.as_string();
                         return text == nullptr ? std::nullopt : parse_service(text->get());
                     });
        table.factor("load",
                     submit.loads,
                     "a fraction of the capacity from 0.01 to 2",
                     number_between(0.01, 2));
        read_engines(table, "policy", policies_, submit.engines);
        for (std::string& policy : submit.engines) {
            policy.insert(0, "ringpool:");
        }
        read_shared(table, submit);
        out.sections.push_back(std::move(submit));
    }

    void read_transfer(const layered_table& table, section_kind kind, manifest& out) {
        const bool is_read = kind == section_kind::read;
        table.check_keys(is_read ? read_keys : echo_keys);
        if (!table.present()) {
            return;
        }
        section transfer;
        transfer.kind = kind;
        words engines{"raw", "libuv", "asio"};
        for (const std::string& policy : policies_) {
            engines.push_back("ringpool:" + policy);
        }
        read_engines(table, "engine", engines, transfer.engines);
        table.factor(is_read ? "depth" : "connections",
                     transfer.depths,
                     "an integer from 1 to 4096",
                     [](const toml::node& node) -> std::optional<unsigned> {
                         const auto count = integer_between(1, 4096)(node);
                         return count ? std::optional(static_cast<unsigned>(*count)) : std::nullopt;
                     });
        transfer.direct = {false};
        if (is_read) {
            table.factor("direct", transfer.direct, "true or false", boolean);
            read_file_size(table, transfer);
        }
        read_shared(table, transfer);
        out.sections.push_back(std::move(transfer));
    }

    static void read_file_size(const layered_table& table, section& out) {
        out.file_bytes = std::uint64_t{128} << 20;
        table.scalar("file_size",
                     out.file_bytes,
                     "a size from \"1MiB\" to \"100GiB\", e.g. \"128MiB\"",
                     [](const toml::node& node) -> std::optional<std::uint64_t> {
                         const auto* const text = node.as_string();
                         const auto bytes =
                             text == nullptr ? std::nullopt : parse_size_bytes(text->get());
                         const bool good = bytes && *bytes >= (std::uint64_t{1} << 20) &&
                                           *bytes <= (std::uint64_t{100} << 30);
                         return good ? bytes : std::nullopt;
                     });
    }

    const toml::table* root_;
    const toml::table* quick_ = nullptr;
    words policies_;
    problem_list* problems_;
    bool use_quick_ = false;
};

} // namespace

manifest_result parse_manifest(const std::string& text,
                               const std::string& file,
                               std::span<const std::string> policies,
                               bool quick) {
    manifest_result result;
    problem_list problems(file);
    try {
        const toml::table root = toml::parse(text, file);
        // The variant that was not asked for is read for its problems only.
        manifest other;
        manifest_reader(root, !quick, policies, problems).read(other);
        manifest_reader(root, quick, policies, problems).read(result.value);
    } catch (const toml::parse_error& error) {
        problems.add(
            error.source().begin.line,
            "(syntax)",
            fmt::format("{}; allowed: TOML 1.0, see https://toml.io", error.description()));
    }
    result.problems = problems.sorted();
    result.value.file = file;
    result.value.text = text;
    result.value.quick = quick;
    return result;
}

} // namespace rp::lab
