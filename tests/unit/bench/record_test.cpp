// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/record.hpp"

#include <doctest/doctest.h>

#include <sstream>
#include <string>

#include <nlohmann/json.hpp>

using namespace rp::peers;

namespace {

comparison small_comparison() {
    row_result times;
    times.shape = times.family = "submit_one";
    times.workers = 2;
    times.unit = "ns";
    times.engines = {{"ringpool", role::ours, {10.0, 14.0, 12.0}, {}, {}},
                     {"onetbb", role::peer, {30.0, std::nullopt, 36.0}, {}, {}},
                     {"wrong<b>", role::peer, {1.0, 1.0, 1.0}, "9 of 10 \"tasks\" & more", {}},
                     {"asio", role::peer, {{}, {}, {}}, {}, "needs io_uring"},
                     {"limit", role::limit, {5.0, 7.0, 6.0}, {}, {}}};
    row_result rates;
    rates.shape = "echo_64";
    rates.family = "echo";
    rates.unit = "1/s";
    rates.sense = better::more;
    rates.skipped = "no <network>";
    comparison all;
    all.rows = {times, rates};
    all.planned_rows = 3;
    all.repetitions = 3;
    all.seed = 42;
    all.peers = true;
    all.command = {"ringpool", "bench", "--out", "</script>@ROWS@"};
    all.started_utc = "20260101T000000Z";
    all.environment = R"({"completion_source": "test & <more>", "cpu": {"model": "some"}})";
    return all;
}

std::size_t count_of(const std::string& text, const std::string& what) {
    std::size_t count = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
        count += 1;
    }
    return count;
}

} // namespace

TEST_CASE("record: bench.json has every repetition, the ratios, the goals and the environment") {
    const auto json = nlohmann::json::parse(bench_json(small_comparison()));
    CHECK(json.at("schema") == 1);
    CHECK(json.at("seed") == 42);
    CHECK(json.at("complete") == false);
    CHECK(json.at("environment").at("completion_source") == "test & <more>");
    REQUIRE(json.at("rows").size() == 2);
    const auto& row = json.at("rows")[0];
    CHECK(row.at("best_peer") == "onetbb");
    CHECK(row.at("times_better_than_best_peer") == 3.0);
    CHECK(row.at("limit") == "limit");
    CHECK(row.at("over_limit") == 2.0);
    CHECK(row.at("goals")[0].at("verdict") == "met");
    CHECK(row.at("goals")[0].at("goal") == "<= 4x limit");
    const auto& engines = row.at("engines");
    REQUIRE(engines.size() == 5);
    CHECK(engines[1].at("values")[0] == 30.0);
    CHECK(engines[1].at("values")[1].is_null());
    CHECK(engines[2].at("fault") == "9 of 10 \"tasks\" & more");
    CHECK(engines[3].at("absent") == "needs io_uring");
    CHECK(json.at("rows")[1].at("skipped") == "no <network>");
    CHECK(json.at("rows")[1].at("best_peer").is_null());
}

TEST_CASE("record: bench.json of a finished run is complete, of an interrupted one it is not") {
    comparison all = small_comparison();
    all.finished_utc = "20260101T000100Z";
    CHECK(nlohmann::json::parse(bench_json(all)).at("complete") == true);
    all.interrupted = "interrupted";
    const auto json = nlohmann::json::parse(bench_json(all));
    CHECK(json.at("complete") == false);
    CHECK(json.at("interrupted") == "interrupted");
}

TEST_CASE("record: bench.csv has a line of six fields for each measurement") {
    std::istringstream lines(bench_csv(small_comparison()));
    std::string line;
    REQUIRE(std::getline(lines, line));
    CHECK(line == "shape,workers,engine,repetition,value,unit");
    std::vector<std::string> all;
    while (std::getline(lines, line)) {
        CHECK(count_of(line, ",") == 5);
        all.push_back(line);
    }
    CHECK(all.size() == 11); // 3 + 2 + 3 + 0 + 3
    CHECK(all[0] == "submit_one,2,ringpool,0,10,ns");
    CHECK(all[4] == "submit_one,2,onetbb,2,36,ns");
}

TEST_CASE("record: bench.html is self-contained, and nothing in a value becomes markup") {
    const std::string page = bench_html(small_comparison());
    CHECK(page.find(" src=") == std::string::npos);
    CHECK(page.find("<link") == std::string::npos);
    CHECK(page.find("@import") == std::string::npos);
    CHECK(page.find("http") == std::string::npos);
    CHECK(page.find("</script>") == std::string::npos);
    CHECK(page.find("&lt;/script&gt;@ROWS@") != std::string::npos); // not filled in again
    CHECK(count_of(page, "@STYLE@") == 0);
    CHECK(page.find("wrong<b>") == std::string::npos);
    CHECK(page.find("9 of 10 &quot;tasks&quot; &amp; more") != std::string::npos);
    CHECK(page.find("test &amp; &lt;more&gt;") != std::string::npos);
    CHECK(page.find("prefers-color-scheme: dark") != std::string::npos);
}

TEST_CASE("record: bench.html has a bar and a table line for each engine that was measured") {
    const std::string page = bench_html(small_comparison());
    CHECK(count_of(page, "<rect") == 3);
    CHECK(count_of(page, "class=\"reach\"") == 3);
    CHECK(page.find("Skipped: no &lt;network&gt;") != std::string::npos);
    CHECK(page.find("2 of 3 rows measured") != std::string::npos);
    for (const char* tag : {"section", "table", "svg", "figure", "div", "tr"}) {
        CAPTURE(tag);
        CHECK(count_of(page, std::string("<") + tag + " ") +
                  count_of(page, std::string("<") + tag + ">") ==
              count_of(page, std::string("</") + tag + ">"));
    }
}

TEST_CASE("record: a line of the table has figures, ratios, goals and what went wrong") {
    const comparison all = small_comparison();
    const std::string line = table_line(all.rows[0]);
    CHECK(line.find("12.0 ns") != std::string::npos);
    CHECK(line.find("10.0 ns .. 14.0 ns") != std::string::npos);
    CHECK(line.find("onetbb") != std::string::npos);
    CHECK(line.find("3.00x") != std::string::npos);
    CHECK(line.find("2.00x") != std::string::npos);
    CHECK(line.find("met <= 4x limit") != std::string::npos);
    CHECK(line.find("WRONG: 9 of 10") != std::string::npos);
    CHECK(line.find("asio: needs io_uring") != std::string::npos);
    CHECK(table_line(all.rows[1]).find("skipped: no <network>") != std::string::npos);
    CHECK(faults_of(all).size() == 1);
}
