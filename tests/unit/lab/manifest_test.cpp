// SPDX-License-Identifier: Apache-2.0
#include "bench/lab/manifest.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

using namespace rp::lab;

namespace {

const std::vector<std::string> policies{"ws", "shared-fifo", "partitioned"};

const std::string head = "schema = 1\nname = \"t\"\n";
const std::string submit = "[submit]\nservice = \"fixed 10us\"\nload = 0.5\npolicy = \"ws\"\n";

manifest_result parse(const std::string& text, bool quick = false) {
    return parse_manifest(text, "m.toml", policies, quick);
}

// A mistake: where it is, which key, and what the message must say to help.
struct mistake {
    std::string text;
    unsigned line;
    std::string key;
    std::string remedy;
};

std::vector<mistake> root_mistakes() {
    return {
        {"name = \"t\"\n" + submit, 1, "schema", "allowed: 1"},
        {"schema = 2\nname = \"t\"\n" + submit, 1, "schema", "allowed: 1"},
        {"schema = \"1\"\nname = \"t\"\n" + submit, 1, "schema", "allowed: 1"},
        {"schema = 1\n" + submit, 1, "name", "lower-case"},
        {"schema = 1\nname = \"First Look\"\n" + submit, 2, "name", "lower-case"},
        {"schema = 1\nname = 5\n" + submit, 2, "name", "lower-case"},
        {"schema = 1\nname = \"\"\n" + submit, 2, "name", "lower-case"},
        {head + "sede = 5\n" + submit, 3, "sede", "did you mean \"seed\"?"},
        {head + "seed = -1\n" + submit, 3, "seed", "an integer from 0"},
        {head + "seed = 1.5\n" + submit, 3, "seed", "an integer from 0"},
        {head + "repetitions = 0\n" + submit, 3, "repetitions", "from 1 to 1000"},
        {head + "repetitions = [1, 2]\n" + submit, 3, "repetitions", "from 1 to 1000"},
        {head + "budget = 300\n" + submit, 3, "budget", "e.g. \"5min\""},
        {head + "claim = 3\n" + submit, 3, "claim", "a string"},
        {head, 1, "[submit], [read] or [echo]", "at least one"},
        {head + "submit = 3\n", 3, "submit", "a table"},
        {head + "[sumbit]\nload = 1\n" + submit, 3, "sumbit", "did you mean \"submit\"?"},
        {head + submit + "load = 0.7\n", 7, "(syntax)", "TOML"},
        {head + "seed = \n" + submit, 3, "(syntax)", "TOML"},
    };
}

std::vector<mistake> submit_mistakes() {
    const std::string rest = "service = \"fixed 10us\"\npolicy = \"ws\"\n";
    return {
        {head + submit + "lod = 0.5\n", 7, "submit.lod", "did you mean \"load\"?"},
        {head + submit + "depth = 1\n", 7, "submit.depth", "allowed: service, load, policy"},
        {head + "[submit]\n" + rest, 3, "submit.load", "missing"},
        {head + "[submit]\n" + rest + "load = 0\n", 6, "submit.load", "from 0.01 to 2"},
        {head + "[submit]\n" + rest + "load = [0.5, 3.0]\n", 6, "submit.load", "from 0.01 to 2"},
        {head + "[submit]\n" + rest + "load = \"half\"\n", 6, "submit.load", "from 0.01 to 2"},
        {head + "[submit]\n" + rest + "load = []\n", 6, "submit.load", "the list is empty"},
        {head + "[submit]\n" + rest + "load = [0.5, 0.5]\n", 6, "submit.load", "listed twice"},
        {head + "[submit]\nservice = \"uniform 10us\"\nload = 1\npolicy = \"ws\"\n",
         4,
         "submit.service",
         "\"exponential 10us\""},
        {head + "[submit]\nservice = 10\nload = 1\npolicy = \"ws\"\n",
         4,
         "submit.service",
         "\"fixed 10us\""},
        {head + "[submit]\nservice = \"fixed 10us\"\nload = 1\npolicy = \"shared-fif\"\n",
         6,
         "submit.policy",
         "did you mean \"shared-fifo\"?"},
        {head + "[submit]\nservice = \"fixed 10us\"\nload = 1\npolicy = [\"ws\", 3]\n",
         6,
         "submit.policy",
         "ws, shared-fifo, partitioned"},
        {head + submit + "workers = 0\n", 7, "submit.workers", "\"auto\" or an integer"},
        {head + submit + "workers = \"all\"\n", 7, "submit.workers", "\"auto\" or an integer"},
        {head + submit + "warmup = 5\n", 7, "submit.warmup", "a duration"},
        {head + submit + "duration = \"1ms\"\n", 7, "submit.duration", "from \"20ms\""},
        {head + submit + "aa = 1\n", 7, "submit.aa", "true or false"},
    };
}

std::vector<mistake> other_mistakes() {
    const std::string read = head + "[read]\nengine = \"raw\"\ndepth = 1\n";
    const std::string echo = head + "[echo]\nengine = \"raw\"\nconnections = 1\n";
    return {
        {head + "[read]\ndepth = 1\n", 3, "read.engine", "missing"},
        {head + "[read]\nengine = \"libub\"\ndepth = 1\n",
         4,
         "read.engine",
         "did you mean \"libuv\"?"},
        {head + "[read]\nengine = \"ringpool\"\ndepth = 1\n",
         4,
         "read.engine",
         "did you mean \"ringpool:ws\"?"},
        {head + "[read]\nengine = \"raw\"\ndepth = 0\n", 5, "read.depth", "from 1 to 4096"},
        {read + "direct = \"yes\"\n", 6, "read.direct", "true or false"},
        {read + "file_size = \"128MB\"\n", 6, "read.file_size", "e.g. \"128MiB\""},
        {read + "connections = 3\n", 6, "read.connections", "allowed: engine, direct, depth"},
        {echo + "direct = true\n", 6, "echo.direct", "allowed: engine, connections"},
        {echo + "conections = 2\n", 6, "echo.conections", "did you mean \"connections\"?"},
        {head + "[gates]\nstall = \"5us\"\n" + submit,
         4,
         "gates.stall",
         "did you mean \"stalls\"?"},
        {head + "[gates]\nachieved = 2\n" + submit, 4, "gates.achieved", "from 0.001 to 0.5"},
        {head + "[gates]\nstationary = 1\n" + submit, 4, "gates.stationary", "true or false"},
        {head + "quick = true\n" + submit, 3, "quick", "a table"},
        {head + submit + "[quick]\nreps = 1\n", 8, "quick.reps", "repetitions"},
        {head + submit + "[quick.submit]\nloads = 1\n",
         8,
         "quick.submit.loads",
         "did you mean \"load\"?"},
        {head + submit + "[quick.submit]\nload = 9\n", 8, "submit.load", "from 0.01 to 2"},
    };
}

void check_all(const std::vector<mistake>& mistakes) {
    for (const mistake& one : mistakes) {
        CAPTURE(one.text);
        for (const bool quick : {false, true}) {
            const manifest_result got = parse(one.text, quick);
            REQUIRE(!got.problems.empty());
            const std::string place = fmt::format("m.toml:{}: {}: ", one.line, one.key);
            CAPTURE(place);
            bool found = false;
            for (const std::string& problem : got.problems) {
                CAPTURE(problem);
                found = found || (problem.rfind(place, 0) == 0 &&
                                  problem.find(one.remedy) != std::string::npos);
            }
            INFO(fmt::format("{}", fmt::join(got.problems, "\n")));
            CHECK(found);
        }
    }
}

} // namespace

TEST_CASE("manifest: mistakes at the top name file, line, key and remedy") {
    check_all(root_mistakes());
}

TEST_CASE("manifest: mistakes in [submit] name file, line, key and remedy") {
    check_all(submit_mistakes());
}

TEST_CASE("manifest: mistakes in the other tables name file, line, key and remedy") {
    check_all(other_mistakes());
}

TEST_CASE("manifest: there are at least 30 kinds of mistakes above") {
    CHECK(root_mistakes().size() + submit_mistakes().size() + other_mistakes().size() >= 30);
}

TEST_CASE("manifest: all problems are reported, in file order, each once") {
    const manifest_result got = parse(head + "sed = 1\n" + submit + "warmup = 1\n[raed]\n");
    REQUIRE(got.problems.size() == 3);
    CHECK(got.problems[0].rfind("m.toml:3: sed: ", 0) == 0);
    CHECK(got.problems[1].rfind("m.toml:8: submit.warmup: ", 0) == 0);
    CHECK(got.problems[2].rfind("m.toml:9: raed: ", 0) == 0);
}

TEST_CASE("manifest: scalars and lists are read as factors") {
    const manifest_result got = parse(head + "seed = 7\nrepetitions = 4\nbudget = \"5min\"\n" +
                                      "[submit]\nservice = [\"fixed 10us\", \"exponential 5us\"]\n"
                                      "load = [0.3, 1]\npolicy = \"shared-fifo\"\n"
                                      "workers = [1, \"auto\"]\nduration = \"500ms\"\naa = true\n"
                                      "[read]\nengine = [\"raw\", \"ringpool:ws\"]\n"
                                      "direct = [true, false]\ndepth = 32\nfile_size = \"2MiB\"\n"
                                      "[echo]\nengine = \"asio\"\nconnections = [1, 64]\n");
    INFO(fmt::format("{}", fmt::join(got.problems, "\n")));
    REQUIRE(got.problems.empty());
    CHECK(got.value.seed == 7);
    CHECK(got.value.repetitions == 4);
    CHECK(got.value.budget_seconds == doctest::Approx(300));
    REQUIRE(got.value.sections.size() == 3);
    const section& first = got.value.sections[0];
    CHECK(first.services.size() == 2);
    CHECK(first.loads == std::vector<double>{0.3, 1});
    CHECK(first.engines == std::vector<std::string>{"ringpool:shared-fifo"});
    CHECK(first.workers == std::vector<unsigned>{1, 0});
    CHECK(first.duration_seconds == doctest::Approx(0.5));
    CHECK(first.aa);
    const section& second = got.value.sections[1];
    CHECK(second.direct == std::vector<bool>{true, false});
    CHECK(second.file_bytes == 2U << 20);
    CHECK(second.depths == std::vector<unsigned>{32});
    CHECK(got.value.sections[2].depths == std::vector<unsigned>{1, 64});
}

TEST_CASE("manifest: [quick] replaces single keys, and only with --quick") {
    const std::string text = head + "repetitions = 5\n[gates]\nachieved = 0.03\n" + submit +
                             "duration = \"1s\"\n[quick]\nrepetitions = 1\n[quick.gates]\n"
                             "achieved = 0.05\n[quick.submit]\nduration = \"100ms\"\n";
    const manifest_result full = parse(text, false);
    const manifest_result quick = parse(text, true);
    REQUIRE(full.problems.empty());
    REQUIRE(quick.problems.empty());
    CHECK(full.value.repetitions == 5);
    CHECK(quick.value.repetitions == 1);
    CHECK(full.value.gates.achieved == doctest::Approx(0.03));
    CHECK(quick.value.gates.achieved == doctest::Approx(0.05));
    CHECK(full.value.sections.at(0).duration_seconds == doctest::Approx(1));
    CHECK(quick.value.sections.at(0).duration_seconds == doctest::Approx(0.1));
    CHECK(quick.value.sections.at(0).loads == full.value.sections.at(0).loads);
    CHECK(quick.value.quick);
}

TEST_CASE("manifest: the nearest word is offered only when it is near") {
    CHECK(nearest("shared_fifo", policies) == "shared-fifo");
    CHECK(nearest("xs", policies) == "ws");
    CHECK(nearest("completely-different", policies).empty());
}
