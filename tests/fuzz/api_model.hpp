// SPDX-License-Identifier: Apache-2.0
#pragma once
// A program for the pool, read from bytes, and what a reader of the documentation expects of it.
//
// The pool has one thread. While that thread is blocked nothing runs, so what is pending can be
// counted exactly; whenever it is let go, everything that is owed runs, and the counts are
// compared. Between the two every call of the API may come in any order, with good and bad
// arguments.
#include <windows.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

namespace rp::fuzz {

/// The bytes of a program; zeros after its end.
class program {
public:
    program(const uint8_t* bytes, size_t size) : bytes_(bytes), size_(size) {}

    [[nodiscard]] bool is_over() const { return at_ >= size_; }

    uint8_t next() { return at_ < size_ ? bytes_[at_++] : 0; }

private:
    const uint8_t* bytes_;
    size_t size_;
    size_t at_ = 0;
};

/// One run of one program. A difference is described in `difference()`.
class machine {
public:
    machine();
    ~machine();
    machine(const machine&) = delete;
    machine& operator=(const machine&) = delete;

    /// Calls of the API that were made.
    uint64_t run(program& from);

    [[nodiscard]] const std::string& difference() const { return difference_; }

private:
    static constexpr size_t slots = 4;

    struct read_operation {
        OVERLAPPED overlapped = {};
        char byte = 0;
    };

    /// An object and what the model knows about it.
    struct object {
        PTP_WORK work = nullptr;
        PTP_TIMER timer = nullptr;
        PTP_WAIT wait = nullptr;
        PTP_IO io = nullptr;
        HANDLE file = nullptr;
        int peer = -1;
        size_t bytes = 0;     // I/O: sent and not yet read, at most
        bool is_fresh = true; // I/O: nothing was started since the pool was last quiet
        bool is_open = false;
        bool is_set = false;                // timer, wait: the last Set armed it
        bool is_armed = false;              // and nothing has come of it yet
        size_t watched = 0;                 // wait: which event
        uint64_t pending = 0;               // I/O: the reads in flight among them
        std::atomic<uint32_t> resubmits{0}; // work: how often a callback submits it again
        uint64_t expected = 0;              // callbacks that must have run when the pool is quiet
        std::atomic<uint64_t> ran{0};
    };

    void block();
    void release();
    void unblock();
    void step(program& from);
    void step_work(object& o, uint8_t what);
    void step_timer(object& o, uint8_t what, uint8_t detail);
    void step_wait(object& o, uint8_t what, uint8_t detail);
    void step_io(object& o, uint8_t what);
    void step_simple();
    void step_event(size_t event, uint8_t what);
    void step_group(uint8_t what);
    void step_bad(uint8_t what);
    void open_work(object& o);
    void open_timer(object& o);
    void open_wait(object& o);
    void open_io(object& o);
    void start_read(object& o);
    void cancel_reads(object& o);
    static void drain(object& o);
    void close_io(object& o);
    [[nodiscard]] bool has_reads() const;
    static void drop(object& o);
    static void close_slot(object& o);
    void fire_waits(size_t event);
    void check(bool holds, const char* what);
    void check_count(object& o);
    void check_counts();

    static VOID CALLBACK on_block(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WORK);

    static VOID CALLBACK on_simple(PTP_CALLBACK_INSTANCE, PVOID context);

    static VOID CALLBACK on_work(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WORK);
    static VOID CALLBACK on_timer(PTP_CALLBACK_INSTANCE, PVOID context, PTP_TIMER);
    static VOID CALLBACK on_wait(PTP_CALLBACK_INSTANCE, PVOID context, PTP_WAIT, TP_WAIT_RESULT);
    static VOID CALLBACK
    on_read(PTP_CALLBACK_INSTANCE, PVOID context, PVOID, ULONG, ULONG_PTR, PTP_IO);
    static VOID CALLBACK on_cancel(PVOID context, PVOID cleanup);

    PTP_POOL pool_;
    PTP_CLEANUP_GROUP group_;
    TP_CALLBACK_ENVIRON environment_;
    PTP_WORK blocker_;
    HANDLE blocked_;
    HANDLE gate_;
    bool is_blocked_ = false;
    std::array<object, slots> works_;
    std::array<object, slots> timers_;
    std::array<object, slots> waits_;
    std::array<object, slots> ios_;
    std::array<std::array<object, slots>*, 4> all_{&works_, &timers_, &waits_, &ios_};
    object simples_;                   // of which there are many, with one account
    std::deque<read_operation> reads_; // some outlive the object that started them
    std::array<HANDLE, 2> events_{};   // manual reset, auto reset
    std::array<bool, 2> is_signalled_{};
    uint64_t calls_ = 0;
    uint64_t cancels_seen_ = 0;
    std::string difference_;
};

} // namespace rp::fuzz
