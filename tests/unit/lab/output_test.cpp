// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/output.hpp"
#include "bench/lab/random.hpp"
#include "bench/lab/results.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

using namespace rp::lab;
namespace fs = std::filesystem;

namespace {

class temporary_directory {
public:
    temporary_directory() {
        std::string name = (fs::temp_directory_path() / "ringpool-lab-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path_ = name;
    }

    ~temporary_directory() {
        std::error_code error;
        fs::remove_all(path_, error);
    }

    temporary_directory(const temporary_directory&) = delete;
    temporary_directory& operator=(const temporary_directory&) = delete;

    [[nodiscard]] std::string at(const std::string& name) const { return path_ + "/" + name; }

    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

std::string content_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// One valid and one invalid repetition of an open-loop cell, one step missing, awkward texts.
run_results small_run() {
    run_results results;
    results.wanted.name = "small";
    results.wanted.claim = "</script> & \"quotes\", commas";
    results.wanted.text = "schema = 1\n";
    results.wanted.seed = 42;
    results.command = {"ringpool", "run", "a,b.toml"};
    results.cost.ns_per_iteration = 1.25;
    cell one;
    one.id = "submit/service=fixed-10us/load=0.5/workers=1/ringpool:ws";
    one.block = "submit/service=fixed-10us/load=0.5/workers=1";
    one.engine = one.label = "ringpool:ws";
    one.load = 0.5;
    results.what.cells = {one};
    results.what.blocks = {one.block};
    results.what.steps.resize(3);
    histogram latency;
    random_source random(rp::test::seed());
    for (int i = 0; i < 20'000; ++i) {
        latency.record(5'000 + random.below(100'000));
    }
    repetition good;
    good.seen.open_loop = true;
    good.latency = distribution(latency);
    good.ideal_ns = {{"p99", 50'000.0}};
    good.per_second = 1000.5;
    good.counters = {{"steals", 3}};
    gate passed;
    passed.name = "stalls";
    passed.value = 12;
    passed.limit = 50'000;
    good.gates = {passed};
    repetition bad = good;
    bad.index = 1;
    bad.outcome = verdict::invalid;
    bad.reason = "late, \"very\" late";
    results.repetitions = {good, bad};
    return results;
}

std::vector<std::string> csv_fields(const std::string& line) {
    std::vector<std::string> fields(1);
    bool inside = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '"') {
            if (inside && i + 1 < line.size() && line[i + 1] == '"') {
                fields.back() += line[++i];
            } else {
                inside = !inside;
            }
        } else if (line[i] == ',' && !inside) {
            fields.emplace_back();
        } else {
            fields.back() += line[i];
        }
    }
    return fields;
}

} // namespace

TEST_CASE("results: a percentile is withheld when the generator's own delays reach a tenth of it") {
    histogram latency;
    histogram stalls;
    for (std::uint64_t i = 1; i <= 100'000; ++i) {
        latency.record(1'000'000);
        stalls.record(i > 99'800 ? 200'000 : 0);
    }
    repetition one;
    one.latency = distribution(latency);
    one.stalls = distribution(stalls);
    CHECK(one.percentile(0.99, {}).has_value());
    CHECK_FALSE(one.percentile(0.999, {}).has_value());
    gate_limits loose;
    loose.stalls_ns = 300'000;
    CHECK(one.percentile(0.999, loose).has_value());
}

TEST_CASE("output: results.json parses back, with the full histogram of each repetition") {
    const temporary_directory directory;
    const run_results results = small_run();
    write_outputs(directory.path(), results, R"({"completion_source": "test"})");
    const auto json = nlohmann::json::parse(content_of(directory.at("results.json")));
    CHECK(json.at("schema") == 1);
    CHECK(json.at("seed") == 42);
    CHECK(json.at("complete") == false);
    CHECK(json.at("finished_utc").is_null());
    CHECK(json.at("missing").size() == 1);
    CHECK(json.at("environment").at("completion_source") == "test");
    CHECK(json.at("manifest").at("claim") == results.wanted.claim);
    REQUIRE(json.at("runs").size() == 2);
    CHECK(json.at("runs")[1].at("verdict") == "invalid");
    CHECK(json.at("runs")[1].at("reason") == results.repetitions[1].reason);
    const auto& latency = json.at("runs")[0].at("latency_ns");
    histogram copy;
    REQUIRE(copy.restore(
        latency.at("buckets").get<std::vector<std::pair<std::uint32_t, std::uint64_t>>>(),
        {latency.at("min"), latency.at("max"), latency.at("sum"), latency.at("clipped")}));
    CHECK(copy.count() == 20'000);
    CHECK(copy.value_at(0.99) == latency.at("p99"));
    CHECK(latency.at("p99.99").is_null());
}

TEST_CASE("output: every line of summary.csv has the columns of its head") {
    const run_results results = small_run();
    std::istringstream lines(summary_csv(results));
    std::string line;
    REQUIRE(std::getline(lines, line));
    const std::vector<std::string> head = csv_fields(line);
    CHECK(head.size() == 10);
    unsigned figures_of_invalid = 0;
    bool saw_reason = false;
    bool saw_p99 = false;
    while (std::getline(lines, line)) {
        const std::vector<std::string> fields = csv_fields(line);
        CAPTURE(line);
        REQUIRE(fields.size() == head.size());
        saw_p99 = saw_p99 || (fields[7] == "latency_p99" && !fields[9].empty());
        if (fields[5] == "invalid") {
            saw_reason = saw_reason || fields[6] == results.repetitions[1].reason;
            figures_of_invalid += fields[9].empty() ? 0 : 1;
        }
    }
    CHECK(saw_p99);
    CHECK(saw_reason);
    CHECK(figures_of_invalid == 0);
}

TEST_CASE("output: the data inside report.html parses back and cannot end its script") {
    const run_results results = small_run();
    const std::string page = report_html(results, {{"completion_source", "test"}});
    const std::string open = "<script type=\"application/json\" id=\"data\">";
    const std::size_t from = page.find(open);
    REQUIRE(from != std::string::npos);
    const std::size_t begin = from + open.size();
    const std::size_t end = page.find("</script>", begin);
    REQUIRE(end != std::string::npos);
    const auto data = nlohmann::json::parse(page.substr(begin, end - begin));
    CHECK(data.at("claim") == results.wanted.claim);
    CHECK(data.at("incomplete") == true);
    REQUIRE(data.at("blocks").size() == 1);
    CHECK(data.at("blocks")[0].at("cells")[0].at("label") == "ringpool:ws");
    CHECK(page.find("@DATA@") == std::string::npos);
    CHECK(page.find("@TITLE@") == std::string::npos);
    // Self-contained: nothing is fetched.
    CHECK(page.find(" src=") == std::string::npos);
    CHECK(page.find("<link") == std::string::npos);
    CHECK(page.find("@import") == std::string::npos);
}

TEST_CASE("output: a write replaces the file at once and leaves nothing beside it") {
    const temporary_directory directory;
    write_atomically(directory.at("f"), "first");
    write_atomically(directory.at("f"), "second");
    CHECK(content_of(directory.at("f")) == "second");
    CHECK(std::distance(fs::directory_iterator(directory.path()), {}) == 1);
}

TEST_CASE("output: a full disk is one clear message, and the old file stays") {
    if (access("/dev/full", W_OK) != 0) {
        rp::test::skip_missing("/dev/full");
        return;
    }
    const temporary_directory directory;
    write_atomically(directory.at("f"), "old");
    // Writing the part beside it meets ENOSPC.
    fs::create_symlink("/dev/full", directory.at("f.part"));
    try {
        write_atomically(directory.at("f"), "new");
        FAIL("the write to a full disk succeeded");
    } catch (const output_error& error) {
        const std::string text = error.what();
        CHECK(text.find(directory.at("f")) != std::string::npos);
        CHECK(text.find("No space left on device") != std::string::npos);
        CHECK(text.find("still complete") != std::string::npos);
    }
    CHECK(content_of(directory.at("f")) == "old");
    CHECK_FALSE(fs::exists(fs::symlink_status(directory.at("f.part"))));
}

TEST_CASE("output: a directory with results is claimed again only with --force") {
    const temporary_directory directory;
    CHECK_NOTHROW(claim_directory(directory.at("new/deep"), false));
    write_atomically(directory.at("new/deep/results.json"), "{}");
    CHECK_THROWS_WITH_AS(claim_directory(directory.at("new/deep"), false),
                         doctest::Contains("--force"),
                         output_error);
    CHECK_NOTHROW(claim_directory(directory.at("new/deep"), true));
}

TEST_CASE("output: a path that is no directory is refused with its name") {
    const temporary_directory directory;
    write_atomically(directory.at("file"), "");
    CHECK_THROWS_WITH_AS(claim_directory(directory.at("file"), true),
                         doctest::Contains(directory.at("file").c_str()),
                         output_error);
    CHECK_THROWS_AS(claim_directory(directory.at("file/below"), true), output_error);
}
