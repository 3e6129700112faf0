// SPDX-License-Identifier: Apache-2.0
// A million operations on objects of every kind, from four threads, with random cancels and closes:
// every callback the pool accepted runs once or is cancelled once, and nothing is left over.
//
// A ledger keeps count for one object. `accepted` grows with each call that promises a callback and
// `ran` with each callback. What was cancelled is either told (SetThreadpoolTimerEx and
// SetThreadpoolWaitEx return TRUE, a group calls back) or what is missing once the object is known
// to be quiet. A callback after that, a second one or a lost one leaves a ledger that does not add
// up. Simple callbacks and reads are told apart one by one, so that a lost one does not make up for
// a doubled one.
#include "tests/stress/private_pool.hpp"
#include "tests/stress/scale.hpp"
#include "tests/unit/unit_test.hpp"

#include <windows.h>

#include <doctest/doctest.h>
#include <ringpool/ringpool.h>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <iterator>
#include <memory>
#include <numeric>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

using rp::test::in_us;
using rp::test::limit_ms;
using rp::test::private_pool;
using rp::test::random_source;
using rp::test::scaled_for_each_policy;

namespace {

/// What all contexts begin with, for a group's cancel callback.
struct member {
    bool is_simple = false;
};

struct ledger {
    member tag;
    uint64_t accepted = 0; // by the owner
    uint64_t cancelled = 0;
    std::atomic<uint64_t> ran{0};

    /// The last thing a callback does here: whoever counts it may free what it used.
    void note_run() {
        // mo: release, pairs test.ledger (adds_up).
        ran.fetch_add(1, std::memory_order_release);
    }

    /// No callback is pending or running any more: what has not run was cancelled.
    void settle() {
        // mo: relaxed, the wait or close before has ordered the callbacks.
        cancelled = accepted - ran.load(std::memory_order_relaxed);
    }

    [[nodiscard]] bool adds_up() const {
        // mo: acquire, pairs test.ledger (note_run).
        return ran.load(std::memory_order_acquire) + cancelled == accepted;
    }
};

/// A simple callback or a read: ends once.
struct item {
    member tag;
    OVERLAPPED overlapped = {};
    ledger* account = nullptr;
    std::atomic<uint32_t> ended{0};
    char byte = 0;
};

std::atomic<uint64_t> doubled{0};

void end(item& one) {
    // mo: relaxed, only counts; compared when the pool is gone.
    doubled.fetch_add(one.ended.fetch_add(1, std::memory_order_relaxed), std::memory_order_relaxed);
}

VOID CALLBACK on_work(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WORK) {
    static_cast<ledger*>(context)->note_run();
}

VOID CALLBACK on_timer(PTP_CALLBACK_INSTANCE, PVOID context, PTP_TIMER) {
    static_cast<ledger*>(context)->note_run();
}

VOID CALLBACK on_wait(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WAIT, TP_WAIT_RESULT) {
    static_cast<ledger*>(context)->note_run();
}

VOID CALLBACK on_simple(PTP_CALLBACK_INSTANCE, PVOID context) {
    auto& one = *static_cast<item*>(context);
    end(one);
    one.account->note_run();
}

VOID CALLBACK
on_read(PTP_CALLBACK_INSTANCE, PVOID context, PVOID overlapped, ULONG, ULONG_PTR, PTP_IO) {
    end(*CONTAINING_RECORD(overlapped, item, overlapped));
    static_cast<ledger*>(context)->note_run();
}

VOID CALLBACK on_group_cancel(PVOID context, PVOID) {
    if (static_cast<member*>(context)->is_simple) { // the others are settled afterwards
        auto& one = *static_cast<item*>(context);
        end(one);
        ++one.account->cancelled;
    }
}

struct work_slot {
    PTP_WORK object = nullptr;
    ledger* account = nullptr;
};

struct timer_slot {
    PTP_TIMER object = nullptr;
    ledger* account = nullptr;
};

struct wait_slot {
    PTP_WAIT object = nullptr;
    ledger* account = nullptr;
    HANDLE event = nullptr;
};

struct io_slot {
    PTP_IO object = nullptr;
    ledger* account = nullptr;
    HANDLE file = nullptr;
    int peer = -1;
};

/// One thread with objects of its own, which are members of a group of its own.
class actor {
public:
    actor(PTP_POOL pool, uint64_t seed);
    ~actor();
    actor(const actor&) = delete;
    actor& operator=(const actor&) = delete;

    void run(uint32_t steps);
    /// Closes everything; what is pending still runs.
    void leave();
    [[nodiscard]] bool adds_up() const;
    [[nodiscard]] bool has_reads() const;

private:
    static constexpr size_t slots = 3;

    ledger* open_ledger();
    void step();
    void use_work(work_slot& slot);
    void use_timer(timer_slot& slot);
    void use_wait(wait_slot& slot);
    void use_io(io_slot& slot);
    void submit_simple();
    void start_read(io_slot& slot);
    void open_io(io_slot& slot);
    void disarm(timer_slot& slot);
    void disarm(wait_slot& slot);
    void close_io(io_slot& slot);
    void close_files();
    void close_group(bool cancels);

    bool is_one_in(uint64_t n) { return random_.below(n) == 0; }

    random_source random_;
    TP_CALLBACK_ENVIRON environment_;
    PTP_CLEANUP_GROUP group_;
    std::array<work_slot, slots> works_;
    std::array<timer_slot, slots> timers_;
    std::array<wait_slot, slots> waits_;
    std::array<io_slot, slots> ios_;
    std::vector<std::unique_ptr<ledger>> ledgers_;
    std::vector<std::unique_ptr<item>> items_; // a read in flight may write to its item
    ledger* simples_;
};

actor::actor(PTP_POOL pool, uint64_t seed)
    : random_(seed), group_(CreateThreadpoolCleanupGroup()), simples_(open_ledger()) {
    InitializeThreadpoolEnvironment(&environment_);
    SetThreadpoolCallbackPool(&environment_, pool);
    SetThreadpoolCallbackCleanupGroup(&environment_, group_, &on_group_cancel);
    for (wait_slot& slot : waits_) {
        slot.event = CreateEventA(nullptr, FALSE, FALSE, nullptr);
    }
}

actor::~actor() {
    for (wait_slot& slot : waits_) {
        CloseHandle(slot.event);
    }
}

ledger* actor::open_ledger() {
    ledgers_.push_back(std::make_unique<ledger>());
    return ledgers_.back().get();
}

bool actor::adds_up() const {
    return std::all_of(
        ledgers_.begin(), ledgers_.end(), [](const auto& one) { return one->adds_up(); });
}

/// A read that calls nobody ends too, and writes to its OVERLAPPED then.
bool actor::has_reads() const {
    return std::any_of(items_.begin(), items_.end(), [](const auto& one) {
        return __atomic_load_n(&one->overlapped.Internal, __ATOMIC_ACQUIRE) == STATUS_PENDING;
    });
}

void actor::use_work(work_slot& slot) {
    if (slot.object == nullptr) {
        slot.account = open_ledger();
        slot.object = CreateThreadpoolWork(&on_work, slot.account, &environment_);
        REQUIRE(slot.object != nullptr);
    }
    for (uint64_t i = random_.below(4); i > 0; --i) {
        ++slot.account->accepted;
        SubmitThreadpoolWork(slot.object);
    }
    if (is_one_in(20)) {
        const bool cancels = is_one_in(2);
        WaitForThreadpoolWorkCallbacks(slot.object, cancels ? TRUE : FALSE);
        if (cancels) {
            slot.account->settle();
        }
        REQUIRE(slot.account->adds_up());
    } else if (is_one_in(40)) {
        CloseThreadpoolWork(slot.object);
        slot.object = nullptr;
    }
}

void actor::disarm(timer_slot& slot) {
    slot.account->cancelled += SetThreadpoolTimerEx(slot.object, nullptr, 0, 0) != FALSE ? 1 : 0;
}

void actor::use_timer(timer_slot& slot) {
    if (slot.object == nullptr) {
        slot.account = open_ledger();
        slot.object = CreateThreadpoolTimer(&on_timer, slot.account, &environment_);
        REQUIRE(slot.object != nullptr);
    }
    FILETIME due = in_us(random_.below(500));
    ++slot.account->accepted;
    const BOOL kept = SetThreadpoolTimerEx(slot.object, &due, 0, is_one_in(4) ? 1 : 0);
    slot.account->cancelled += kept != FALSE ? 1 : 0;
    if (is_one_in(20)) {
        const bool cancels = is_one_in(2);
        disarm(slot);
        WaitForThreadpoolTimerCallbacks(slot.object, cancels ? TRUE : FALSE);
        if (cancels) {
            slot.account->settle();
        }
        REQUIRE(slot.account->adds_up());
    } else if (is_one_in(40)) {
        disarm(slot);
        CloseThreadpoolTimer(slot.object);
        slot.object = nullptr;
    }
}

void actor::disarm(wait_slot& slot) {
    slot.account->cancelled +=
        SetThreadpoolWaitEx(slot.object, nullptr, nullptr, nullptr) != FALSE ? 1 : 0;
}

void actor::use_wait(wait_slot& slot) {
    if (slot.object == nullptr) {
        slot.account = open_ledger();
        slot.object = CreateThreadpoolWait(&on_wait, slot.account, &environment_);
        REQUIRE(slot.object != nullptr);
    }
    FILETIME timeout = in_us(random_.below(500));
    ++slot.account->accepted;
    const BOOL kept =
        SetThreadpoolWaitEx(slot.object, slot.event, is_one_in(3) ? &timeout : nullptr, nullptr);
    slot.account->cancelled += kept != FALSE ? 1 : 0;
    if (!is_one_in(3)) {
        REQUIRE(SetEvent(slot.event));
    }
    if (is_one_in(20)) {
        const bool cancels = is_one_in(2);
        disarm(slot);
        WaitForThreadpoolWaitCallbacks(slot.object, cancels ? TRUE : FALSE);
        if (cancels) {
            slot.account->settle();
        }
        REQUIRE(slot.account->adds_up());
    } else if (is_one_in(40)) {
        disarm(slot);
        CloseThreadpoolWait(slot.object);
        slot.object = nullptr;
    }
}

void actor::open_io(io_slot& slot) {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    slot.file = rp_handle_from_fd(ends[0], TRUE);
    slot.peer = ends[1];
    slot.account = open_ledger();
    slot.object = CreateThreadpoolIo(slot.file, &on_read, slot.account, &environment_);
    REQUIRE(slot.object != nullptr);
}

void actor::start_read(io_slot& slot) {
    items_.push_back(std::make_unique<item>());
    item& one = *items_.back();
    StartThreadpoolIo(slot.object);
    ++slot.account->accepted;
    REQUIRE_FALSE(ReadFile(slot.file, &one.byte, 1, nullptr, &one.overlapped));
    REQUIRE(GetLastError() == ERROR_IO_PENDING);
    if (!is_one_in(4)) {
        REQUIRE(send(slot.peer, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1);
    }
}

void actor::use_io(io_slot& slot) {
    if (slot.object == nullptr) {
        open_io(slot);
    }
    start_read(slot);
    if (is_one_in(10)) {
        (void)CancelIoEx(slot.file, nullptr);
    }
    if (is_one_in(20)) {
        (void)CancelIoEx(slot.file, nullptr);
        WaitForThreadpoolIoCallbacks(slot.object, FALSE);
        REQUIRE(slot.account->adds_up());
    } else if (is_one_in(30)) {
        close_io(slot);
    }
}

/// The file first or the object first; the reads end as data, as cancelled, or call nobody.
void actor::close_io(io_slot& slot) {
    const bool is_file_first = is_one_in(2);
    if (is_file_first) {
        REQUIRE(CloseHandle(slot.file));
    }
    const bool cancels = !is_file_first || is_one_in(2);
    WaitForThreadpoolIoCallbacks(slot.object, cancels ? TRUE : FALSE);
    if (cancels) {
        slot.account->settle();
    }
    REQUIRE(slot.account->adds_up());
    CloseThreadpoolIo(slot.object);
    if (!is_file_first) {
        REQUIRE(CloseHandle(slot.file));
    }
    close(slot.peer);
    slot.object = nullptr;
}

void actor::submit_simple() {
    items_.push_back(std::make_unique<item>());
    item& one = *items_.back();
    one.tag.is_simple = true;
    one.account = simples_;
    ++simples_->accepted;
    REQUIRE(TrySubmitThreadpoolCallback(&on_simple, &one, &environment_));
}

/// Closes all members. Without cancelling, what is queued runs first.
void actor::close_group(bool cancels) {
    if (!cancels) {
        for (timer_slot& slot : timers_) {
            if (slot.object != nullptr) {
                disarm(slot);
            }
        }
        for (wait_slot& slot : waits_) {
            if (slot.object != nullptr) {
                disarm(slot);
            }
        }
        for (io_slot& slot : ios_) {
            if (slot.object != nullptr) {
                (void)CancelIoEx(slot.file, nullptr);
            }
        }
    }
    CloseThreadpoolCleanupGroupMembers(group_, cancels ? TRUE : FALSE, nullptr);
    const auto closed = [cancels](auto& slot) {
        if (slot.object != nullptr) {
            if (cancels) {
                slot.account->settle();
            }
            REQUIRE(slot.account->adds_up());
            slot.object = nullptr;
        }
    };
    for (io_slot& slot : ios_) {
        if (slot.object != nullptr) {
            closed(slot);
            REQUIRE(CloseHandle(slot.file));
            close(slot.peer);
        }
    }
    for (size_t i = 0; i < slots; ++i) {
        closed(works_[i]);
        closed(timers_[i]);
        closed(waits_[i]);
    }
    REQUIRE(simples_->adds_up());
}

void actor::step() {
    const size_t slot = random_.below(slots);
    switch (random_.below(16)) {
    case 0:
    case 1:
        submit_simple();
        break;
    case 2:
    case 3:
    case 4:
        use_timer(timers_[slot]);
        break;
    case 5:
    case 6:
    case 7:
        use_wait(waits_[slot]);
        break;
    case 8:
    case 9:
        use_io(ios_[slot]);
        break;
    case 10:
        if (is_one_in(100)) {
            close_group(is_one_in(2));
        }
        break;
    default:
        use_work(works_[slot]);
        break;
    }
}

void actor::run(uint32_t steps) {
    for (uint32_t i = 0; i < steps; ++i) {
        step();
    }
}

void actor::leave() {
    close_group(is_one_in(2));
    CloseThreadpoolCleanupGroup(group_);
    DestroyThreadpoolEnvironment(&environment_);
}

/// What each open descriptor is, without its number.
std::vector<std::string> open_descriptors() {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone; // the iterator's own
        std::string what = std::filesystem::read_symlink(entry, gone).string();
        std::erase_if(what, [](char c) { return c >= '0' && c <= '9'; });
        all.push_back(std::move(what));
    }
    std::sort(all.begin(), all.end());
    return all;
}

/// What is open now and was not before, but for the bell of the threads that stand in for a ring:
/// the first request that needs them makes it, and it stays.
std::string left_open(const std::vector<std::string>& before) {
    const std::vector<std::string> now = open_descriptors();
    std::vector<std::string> more;
    std::set_difference(
        now.begin(), now.end(), before.begin(), before.end(), std::back_inserter(more));
    if (const auto bell = std::find(more.begin(), more.end(), "anon_inode:[eventfd]");
        bell != more.end()) {
        more.erase(bell);
    }
    return std::accumulate(more.begin(), more.end(), std::string());
}

/// Four actors on a pool of its own with this policy.
void play(const char* policy, uint32_t steps) {
    constexpr size_t actor_count = 4;
    std::vector<std::unique_ptr<actor>> actors;
    {
        const private_pool pool(4, policy);
        for (size_t i = 0; i < actor_count; ++i) {
            actors.push_back(std::make_unique<actor>(pool.pool, rp::test::seed() + i));
        }
        std::vector<std::thread> threads;
        for (auto& one : actors) {
            threads.emplace_back([&one, steps] {
                one->run(steps);
                one->leave();
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
    }
    // What was pending on an object when CloseThreadpool... came for it alone may still be running.
    const ULONGLONG begin = GetTickCount64();
    for (auto& one : actors) {
        while ((!one->adds_up() || one->has_reads()) && GetTickCount64() - begin < limit_ms) {
            std::this_thread::yield();
        }
        CHECK(one->adds_up());
        CHECK_FALSE(one->has_reads());
    }
}

} // namespace

TEST_CASE("of a million mixed operations with cancels and closes none is lost, doubled or left") {
    const std::vector<std::string> before = open_descriptors();
    for (const char* const* policy = rp_policy_names(); *policy != nullptr; ++policy) {
        const std::string name = *policy;
        CAPTURE(name);
        play(*policy, scaled_for_each_policy(250'000));
    }
    // mo: relaxed, every callback has ended.
    CHECK(doubled.load(std::memory_order_relaxed) == 0);
    const ULONGLONG begin = GetTickCount64();
    while (left_open(before) != "" && GetTickCount64() - begin < limit_ms) {
        std::this_thread::yield(); // threads of a closed pool end by themselves
    }
    CHECK(left_open(before) == "");
}
