// SPDX-License-Identifier: Apache-2.0
// Runs the unit tests.
//   --seed=N     start of every random sequence (default: from the clock)
//   --limit-s=N  abort, naming the test case, when the whole run takes longer (default 110)
// Everything else goes to doctest. Ends with 77 when nothing failed but a feature was missing.
#define DOCTEST_CONFIG_IMPLEMENT
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <set>
#include <thread>

namespace {

uint64_t seed_of_run = 0;
std::atomic<const char*> running_case{"(none)"};

std::mutex missing_mutex;
std::set<std::string> missing_features; // guard: missing_mutex

/// Remembers which test case runs, for the watchdog.
struct case_listener : doctest::IReporter {
    explicit case_listener(const doctest::ContextOptions&) {}

    void test_case_start(const doctest::TestCaseData& data) override {
        // mo: release, pairs running_case (watchdog).
        running_case.store(data.m_name, std::memory_order_release);
    }

    void report_query(const doctest::QueryData&) override {}

    void test_run_start() override {}

    void test_run_end(const doctest::TestRunStats&) override {}

    void test_case_reenter(const doctest::TestCaseData&) override {}

    void test_case_end(const doctest::CurrentTestCaseStats&) override {}

    void test_case_exception(const doctest::TestCaseException&) override {}

    void subcase_start(const doctest::SubcaseSignature&) override {}

    void subcase_end() override {}

    void log_assert(const doctest::AssertData&) override {}

    void log_message(const doctest::MessageData&) override {}

    void test_case_skipped(const doctest::TestCaseData&) override {}
};

REGISTER_LISTENER("case_listener", 1, case_listener);

class watchdog {
public:
    explicit watchdog(std::chrono::seconds limit) : thread_([this, limit] { watch(limit); }) {}

    ~watchdog() {
        {
            const std::lock_guard guard(mutex_);
            is_done_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }

    watchdog(const watchdog&) = delete;
    watchdog& operator=(const watchdog&) = delete;

private:
    void watch(std::chrono::seconds limit) {
        std::unique_lock guard(mutex_);
        if (changed_.wait_for(guard, limit, [this] { return is_done_; })) {
            return;
        }
        // mo: acquire, pairs running_case (case_listener).
        const char* name = running_case.load(std::memory_order_acquire);
        std::fprintf(stderr,
                     "unit tests: more than %lld s, hung in \"%s\"; --seed=%llu\n",
                     static_cast<long long>(limit.count()),
                     name,
                     static_cast<unsigned long long>(seed_of_run));
        std::abort();
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_done_ = false; // guard: mutex_
    std::thread thread_;
};

bool read_number(const char* argument, const char* key, uint64_t& value) {
    const size_t length = std::strlen(key);
    if (std::strncmp(argument, key, length) != 0) {
        return false;
    }
    char* end = nullptr;
    value = std::strtoull(argument + length, &end, 0);
    if (end == argument + length || *end != '\0') {
        std::fprintf(stderr, "unit tests: %s is not a number\n", argument);
        std::exit(2);
    }
    return true;
}

} // namespace

uint64_t rp::test::seed() noexcept {
    return seed_of_run;
}

void rp::test::skip_missing(const std::string& feature) {
    MESSAGE("skipped, this machine lacks: " << feature);
    const std::lock_guard guard(missing_mutex);
    missing_features.insert(feature);
}

int main(int argc, char** argv) {
    seed_of_run =
        static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
    uint64_t limit_s = 110;
    for (int i = 1; i < argc; ++i) {
        if (!read_number(argv[i], "--seed=", seed_of_run)) {
            read_number(argv[i], "--limit-s=", limit_s);
        }
    }
    doctest::Context context(argc, argv);
    int result = 0;
    {
        const watchdog guard{std::chrono::seconds(limit_s)};
        result = context.run();
    }
    if (result != 0) {
        std::fprintf(stderr,
                     "unit tests: failed; repeat with --seed=%llu\n",
                     static_cast<unsigned long long>(seed_of_run));
    } else if (!missing_features.empty() && !context.shouldExit()) {
        std::fprintf(stderr, "unit tests: skipped for want of:\n");
        for (const std::string& feature : missing_features) {
            std::fprintf(stderr, "  %s\n", feature.c_str());
        }
        result = 77;
    }
    return result;
}
