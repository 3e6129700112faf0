// SPDX-License-Identifier: Apache-2.0
// The page about all pools, while they are stuck.
#include "scheduler/engine.hpp"
#include "scheduler/sight/dump.hpp"
#include "tests/unit/scheduler/gate.hpp"
#include "tests/unit/scheduler/owned_engine.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <deque>
#include <mutex>
#include <string>

using namespace rp;
using namespace rp::sched;
using rp::test::gate;
using rp::test::owned_engine;

namespace rp::sched {

/// Named by the engine as a friend: holds the lock a stuck thread would hold.
struct engine_locks {
    static kernel::spin_lock& roster(engine& e) { return e.roster_lock_; }
};

} // namespace rp::sched

namespace {

/// Everything `write_page` writes to the descriptor it is given.
template <class Write>
std::string text_of(Write write_page) {
    int ends[2];
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    (void)fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
    write_page(ends[1]);
    close(ends[1]);
    std::string text;
    std::array<char, 4096> part{};
    for (ssize_t n = 0; (n = read(ends[0], part.data(), part.size())) > 0;) {
        text.append(part.data(), static_cast<size_t>(n));
    }
    close(ends[0]);
    return text;
}

std::string page() {
    return text_of([](int fd) { CHECK(dump_all(fd)); });
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// A callback that sits in a system call the pool knows nothing of.
struct stuck : item {
    stuck(gate& entered_by, gate& opened_by, gate& left_by)
        : entered(entered_by), opened(opened_by), left(left_by) {
        run = [](item& self, worker& w) noexcept {
            auto& s = static_cast<stuck&>(self);
            w.begin_callback();
            s.entered.count();
            (void)s.opened.wait(1);
            w.end_callback();
            s.left.count();
        };
    }

    gate& entered;
    gate& opened;
    gate& left;
};

} // namespace

TEST_CASE("dump: a pool whose workers are all blocked shows them, and what waits for them") {
    gate entered;
    gate opened;
    gate left;
    std::deque<stuck> items;
    const owned_engine e(engine::create("ws"));
    REQUIRE(e != nullptr);
    e->set_maximum(2);
    for (int i = 0; i < 5; ++i) {
        items.emplace_back(entered, opened, left);
        e->place(items.back(), origin::external);
    }
    REQUIRE(entered.wait(2));
    const std::string text = page();
    CAPTURE(text);
    CHECK(has(text, "policy ws"));
    CHECK(has(text, "threads 2 (minimum 0, maximum 2)"));
    CHECK(has(text, "\n  queued 3"));
    CHECK(has(text, "in a callback"));
    CHECK(text.substr(text.size() - 4) == "end\n");
    opened.count();
    REQUIRE(left.wait(5));
}

TEST_CASE("dump: a held roster lock is named, and the rest of the page is there") {
    const owned_engine e(engine::create("shared-fifo"));
    REQUIRE(e != nullptr);
    std::string text;
    {
        const std::scoped_lock held(engine_locks::roster(*e));
        text = page();
    }
    CAPTURE(text);
    CHECK(has(text, "the roster lock is held"));
    CHECK(has(text, "policy shared-fifo"));
    CHECK(has(text, "core 0: idle, 0 queued"));
    CHECK_FALSE(has(page(), "the roster lock is held"));
}

TEST_CASE("dump: a held timer lock is named") {
    const owned_engine e(engine::create("ws"));
    REQUIRE(e != nullptr);
    const std::scoped_lock held(e->deadlines().lock());
    CHECK(has(page(), "deadlines: not readable"));
}

TEST_CASE("dump: a locked list of pools is named, and nobody waits for it for ever") {
    const owned_engine e(engine::create("ws"));
    REQUIRE(e != nullptr);
    std::string text;
    REQUIRE(engine::for_each_alive(
        [](engine& /*each*/, void* to) { *static_cast<std::string*>(to) = page(); }, &text));
    CHECK(has(text, "the list of pools is locked"));
    CHECK(has(text, "\nend\n"));
}

TEST_CASE("dump: a descriptor that takes nothing is an error") {
    CHECK_FALSE(dump_all(-1));
}

TEST_CASE("dump: numbers of every length, and text longer than the buffer") {
    const std::string text = text_of([](int fd) {
        dump_writer out(fd);
        out << uint64_t{0} << " " << UINT64_MAX << " ";
        out.hex(0) << " ";
        out.hex(UINT64_MAX);
        for (int i = 0; i < 100; ++i) {
            out << " 0123456789";
        }
    });
    CHECK(has(text, "0 18446744073709551615 0x0 0xffffffffffffffff 0123456789"));
    CHECK(text.size() ==
          std::string("0 18446744073709551615 0x0 0xffffffffffffffff").size() + 1100);
}

TEST_CASE("dump: the signal writes the page, and the interrupted call goes on") {
    const owned_engine e(engine::create("ws"));
    REQUIRE(e != nullptr);
    REQUIRE(dump_on_signal() == 0);
    const int standard_error = dup(STDERR_FILENO);
    const std::string text = text_of([standard_error](int fd) {
        dup2(fd, STDERR_FILENO);
        errno = 4711;
        raise(SIGUSR2);
        const int kept = errno;
        dup2(standard_error, STDERR_FILENO);
        CHECK(kept == 4711);
    });
    close(standard_error);
    CAPTURE(text);
    CHECK(has(text, "policy ws"));
    CHECK(has(text, "\nend\n"));
}
