// SPDX-License-Identifier: Apache-2.0
#pragma once
// The kernel's own record of when one of our threads was switched in and out, and why.
//
// A software event that counts nothing (PERF_COUNT_SW_DUMMY) with context_switch set makes the
// kernel write a PERF_RECORD_SWITCH at every switch of the thread. A switch-out carries
// SWITCH_OUT_PREEMPT when the thread could have gone on, so a blocked thread is told from a
// preempted one exactly, at the instant of the switch, with a CLOCK_MONOTONIC stamp.
//
// The ring is written backwards and mapped read-only: the newest record always stands at data_head,
// nothing has to be consumed, and nothing is ever lost, because the oldest is overwritten. Who
// looks wants the present state, which is the newest record and no other. With nothing but a time
// in its trailer a record is 16 bytes, which divide the page, so no record wraps around.
//   kernel writes a record                     newest()
//   1. the bytes, below data_head              1. head = data_head, acquire
//   2. data_head -= 16, release                2. copies the record at head
//                                              3. data_head again: within a page of head, nothing
//                                                 has been written over the copy
// The same holds for each older record of the page: since() walks from the newest back to a
// position and stops where the kernel may have written over what it reads.
//
// Recording ends when the mapping does, not with the descriptor, which may be closed before. From
// another thread than the one that reads, withdraw() puts a page of zeros in the place of the ring,
// in one step: the reader never meets a hole, and a page without a size tells it that what it has
// read is nothing. Rejected: PERF_EVENT_IOC_DISABLE, under which going to sleep and coming back
// still paid 1.1 of the 2.8 us that recording costs it (0.3 once withdrawn; 60 interleaved runs); a
// lock around each reading.
//
// Rejected: a forward ring (has to be drained by whoever looks, and drops the newest records when
// nobody does); one ring for all threads (SET_OUTPUT works only among events of one CPU, which
// takes threads times CPUs events).
//
// Privilege: none up to kernel.perf_event_paranoid = 2. Cost: 1 to 2 us for each switch of the
// thread, so it is opened only where a block can matter; two pages of the memory that
// kernel.perf_event_mlock_kb allows to the user. Waking a sleeper at each record costs the CPU an
// interrupt sent to itself on top: about 1 us on real hardware, 8 to 16 us on virtual machines
// without help for it. wake_price_ns() measures it, and block_bell decides.
#include "kernel_iface/linux/private_fd.hpp"

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace rp::kernel {

class switch_records {
public:
    enum class kind : uint8_t { none, in, out_blocked, out_preempted };

    struct record {
        kind what = kind::none;
        int64_t at_ns = 0; ///< CLOCK_MONOTONIC
    };

    struct refusal {
        int error = 0;          ///< 0 or -errno
        bool is_at_map = false; ///< the event was made, its ring was not
    };

    enum class extent : uint8_t {
        unknown,  ///< nothing was recorded
        whole,    ///< all of it
        at_least, ///< the oldest records were overwritten
    };

    /// For how long a thread had no CPU.
    struct absence {
        extent known = extent::unknown;
        int64_t preempted_ns = 0; ///< though it could have gone on
        int64_t slept_ns = 0;     ///< from falling asleep until it ran again
    };

    static constexpr unsigned records_kept_min = 255; ///< on pages of 4 KiB

    switch_records() noexcept = default;

    ~switch_records() { close(); }

    switch_records(const switch_records&) = delete;
    switch_records& operator=(const switch_records&) = delete;

    /// Starts recording a thread of this process. With `wakes`, every record makes the descriptor
    /// readable, which costs the thread an interrupt to itself.
    [[nodiscard]] refusal open(pid_t tid, bool wakes) noexcept;
    void close() noexcept;

    [[nodiscard]] bool is_open() const noexcept { return event_.is_open(); }

    [[nodiscard]] int descriptor() const noexcept { return event_.get(); }

    /// What a record costs more when it wakes, measured on the calling thread: PERF_RECORD_COMM,
    /// which a thread causes by setting its own name, takes the same way. Negative: -errno.
    [[nodiscard]] static int64_t wake_price_ns() noexcept;

    /// kind::none: nothing has been recorded since open().
    [[nodiscard]] record newest() const noexcept;

    /// Closes the descriptor and goes on recording until close() or withdraw(). newest() is no
    /// longer there.
    void drop_descriptor() noexcept { event_.reset(); }

    /// How far recording has got, for since().
    [[nodiscard]] uint64_t position() const noexcept;
    /// The absences that both began and ended after `position` was that of this ring.
    [[nodiscard]] absence since(uint64_t position) const noexcept;

    /// Ends recording beside position() and since() of another thread, which then know nothing.
    /// Only with a dropped descriptor. False: the kernel has no memory for it, recording goes on.
    bool withdraw() noexcept;

private:
    friend struct comm_timing;

    [[nodiscard]] bool is_mapped() const noexcept;
    [[nodiscard]] bool read(uint64_t at, record& out) const noexcept;

    [[nodiscard]] refusal open_event(const void* attr, pid_t tid) noexcept;

    private_fd event_;
    void* ring_ = nullptr;
    unsigned forks_ = 0; // before which it was mapped
};

/// What to tell the user about a refusal, with the setting that would change it.
std::string explain(const switch_records::refusal& why);

} // namespace rp::kernel
