// SPDX-License-Identifier: Apache-2.0
// Completion ports: packets first in, first out; threads last in, first out; and never more of them
// runnable at once than the port was made for.
//
// Nouns. A *packet* is one completion. A thread is a *member* of the port it last took a packet
// from; while it works on what it took it has one of the port's *slots*, of which there are
// `concurrency_`. A *binding* is what a file handle knows of its port: the port and the key.
//
// A slot is given back when its thread asks for the next packet, goes to another port, exits, or
// announces that it is going to block (kernel::blocking_scope). A thread that returns from blocking
// takes a slot although there may be none left, and so does Windows: the number of running threads
// is exceeded until one of them asks for more. What never happens is that a thread is *released*
// while all slots are taken.
//
//   a packet arrives, or a slot comes free      a thread asks for packets
//   1. lock                                     1. lock; give back the slot it has
//   2. while there is a packet, a waiter and    2. a packet and a free slot? take both, unlock,
//      a free slot: pop the newest waiter,         return
//      give it the packet and the slot          3. push itself on the stack of waiters, unlock
//   3. unlock                                   4. seq = wake_word; off the stack? return
//   4. wake_word += 1, wake the futex           5. sleep while wake_word == seq
//
// Steps 1 and 2 of the thread are one: a thread that comes back for more goes on with the next
// packet itself, while the others sleep.
//
// Both sides decide under the same lock, so there is never a packet, a sleeper and a free slot at
// the same time. The packet is handed over, not just announced: a thread that comes in between
// cannot take it away from one that was woken for it. The time limit and the closing of the handle
// take a waiter off the stack too, under the lock, so exactly one of the three ends its wait.
//
// Blocking is announced through the one observer a thread has. A pool worker has one already, so a
// member puts itself in front of it and passes everything on. Blocking that this library does not
// see (a system call of the program's own) keeps its slot.
//
// Closing the handle ends all waits with abandoned_wait_0 and drops the packets: nobody could ask
// for them any more. The port itself lives on by the bindings of open files (R-IOCP-6).
//
// Rejected:
// - A futex or semaphore that counts packets: it wakes in the order of the kernel's choice, and
//   cannot tell a runnable member from a blocked one.
// - Counting a thread as running until it exits, blocks or asks again, even if its last call timed
//   out: a thread that polls the port now and then would keep others from working.
// - Sleeping through wait_objects: a waiter there is satisfied in the order of arrival.
//
// Invariants: running_ = members with a slot; a waiter on the stack implies no packet or no slot;
// a queued packet with `op` has one hold on it.
#include "kernel_iface/nt/completion_port.hpp"

#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/linux/slab.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "kernel_iface/linux/topology.hpp"
#include "kernel_iface/nt/wait.hpp"

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <new>
#include <utility>

namespace rp::nt {
namespace {

constinit kernel::slab posted_packets{sizeof(port_packet), alignof(port_packet)};

/// Ends the packets of a list linked through `next`.
void drop_packets(port_packet* list) noexcept {
    while (list != nullptr) {
        port_packet* packet = std::exchange(list, list->next);
        if (io_operation* op = packet->op; op != nullptr) {
            op->drop();
        } else {
            posted_packets.give(packet);
        }
    }
}

OVERLAPPED_ENTRY entry_of(const port_packet& packet) noexcept {
    return {packet.key, packet.overlapped, packet.code, static_cast<DWORD>(packet.bytes)};
}

// --- members -------------------------------------------------------------------------------------

/// What the calling thread is to ports. Nobody else touches it.
class port_member final : public kernel::blocking_observer {
public:
    /// Makes the thread a member of `port`; leaves another one. False: out of memory.
    [[nodiscard]] bool join(completion_port& port) noexcept {
        if (!is_known_ && kernel::at_thread_exit(retire, this) != 0) {
            return false;
        }
        is_known_ = true;
        if (kernel::current_blocking_observer() != this) {
            before_ = kernel::current_blocking_observer();
            kernel::install_blocking_observer(this);
        }
        if (home_ != &port) {
            leave();
            port.reference();
            home_ = &port;
        }
        return true;
    }

    void got_slot() noexcept { has_slot_ = true; }

    /// True: the thread had a slot, which the caller gives back.
    [[nodiscard]] bool end_slot() noexcept { return std::exchange(has_slot_, false); }

    void blocking_begins() noexcept override {
        if (depth_++ == 0 && has_slot_) {
            has_slot_ = false;
            has_lent_slot_ = true;
            home_->give_slot();
        }
        if (before_ != nullptr) {
            before_->blocking_begins();
        }
    }

    void blocking_ends() noexcept override {
        if (before_ != nullptr) {
            before_->blocking_ends();
        }
        if (--depth_ == 0 && has_lent_slot_) {
            has_lent_slot_ = false;
            has_slot_ = true;
            home_->take_slot();
        }
    }

private:
    void leave() noexcept {
        completion_port* const port = std::exchange(home_, nullptr);
        if (port != nullptr) {
            if (std::exchange(has_slot_, false)) {
                port->give_slot();
            }
            port->release();
        }
    }

    static void retire(void* argument) {
        auto* const member = static_cast<port_member*>(argument);
        member->leave();
        if (kernel::current_blocking_observer() == member) {
            kernel::install_blocking_observer(nullptr);
        }
        member->before_ = nullptr;
        member->is_known_ = false;
    }

    completion_port* home_ = nullptr; // one reference
    kernel::blocking_observer* before_ = nullptr;
    uint32_t depth_ = 0; // blocking scopes open
    bool has_slot_ = false;
    bool has_lent_slot_ = false; // it blocks: its slot was given back meanwhile
    bool is_known_ = false;      // retire is registered
};

constinit thread_local port_member member_of_thread;

// --- bindings ------------------------------------------------------------------------------------

class port_binding final : public completion_target {
public:
    port_binding(ref<completion_port> port, ULONG_PTR key) noexcept
        : port_(std::move(port)), key_(key) {}

    void operation_started(io_operation& /*op*/) noexcept override {}

    [[nodiscard]] bool take_packet(io_operation& op) noexcept override {
        static_assert(sizeof(port_packet) <= sizeof op.client);
        auto* packet = new (op.client) port_packet;
        packet->op = &op;
        packet->key = key_;
        packet->overlapped = op.overlapped;
        packet->bytes = op.bytes;
        packet->code = op.status;
        port_->insert(*packet);
        return true;
    }

    void file_closed() noexcept override;

private:
    const ref<completion_port> port_;
    const ULONG_PTR key_;
};

constinit kernel::slab bindings{sizeof(port_binding), alignof(port_binding)};

void port_binding::file_closed() noexcept {
    this->~port_binding();
    bindings.give(this);
}

} // namespace

// --- the port ------------------------------------------------------------------------------------

void completion_port::insert(port_packet& packet) noexcept {
    packet.next = nullptr;
    wake_batch batch;
    {
        const std::lock_guard guard(lock_);
        if (!is_closed_) {
            (oldest_ == nullptr ? oldest_ : newest_->next) = &packet;
            newest_ = &packet;
            serve(batch);
            return;
        }
    }
    drop_packets(&packet);
}

port_packet* completion_port::pop_packet() noexcept {
    port_packet* const packet = oldest_;
    if (packet != nullptr) {
        oldest_ = packet->next;
        packet->next = nullptr;
    }
    return packet;
}

/// The packets taken are put in front of `done`, to be dropped without the lock.
size_t completion_port::take_into(std::span<OVERLAPPED_ENTRY> entries,
                                  port_packet*& done) noexcept {
    size_t count = 0;
    while (count < entries.size() && oldest_ != nullptr) {
        port_packet* const packet = pop_packet();
        entries[count++] = entry_of(*packet);
        packet->next = std::exchange(done, packet);
    }
    return count;
}

void completion_port::push_waiter(port_waiter& one) noexcept {
    one.below = top_;
    if (top_ != nullptr) {
        top_->above = &one;
    }
    top_ = &one;
}

void completion_port::remove_waiter(port_waiter& one) noexcept {
    (one.above == nullptr ? top_ : one.above->below) = one.below;
    if (one.below != nullptr) {
        one.below->above = one.above;
    }
    one.is_asleep = false;
}

void completion_port::serve(wake_batch& batch) noexcept {
    while (oldest_ != nullptr && top_ != nullptr && running_ < concurrency_) {
        port_waiter& one = *top_;
        remove_waiter(one);
        one.packet = pop_packet();
        ++running_;
        batch.add(*one.thread);
    }
}

void completion_port::give_slot() noexcept {
    wake_batch batch;
    const std::lock_guard guard(lock_);
    --running_;
    serve(batch);
}

void completion_port::take_slot() noexcept {
    const std::lock_guard guard(lock_);
    ++running_;
}

/// Takes what is there, or puts `me` (unless nullptr) on the stack. Gives the old slot back.
completion_port::outcome completion_port::begin(std::span<OVERLAPPED_ENTRY> entries,
                                                size_t& taken,
                                                port_packet*& done,
                                                port_waiter* me,
                                                bool had_slot) noexcept {
    const std::lock_guard guard(lock_);
    running_ -= had_slot ? 1 : 0; // nobody to give it to: either there is no packet or it is ours
    if (is_closed_) {
        return outcome::abandoned;
    }
    if (oldest_ != nullptr && running_ < concurrency_) {
        ++running_;
        taken = take_into(entries, done);
        return outcome::taken;
    }
    if (me != nullptr) {
        push_waiter(*me);
    }
    return outcome::must_wait;
}

/// Sleeps until `me` is off the stack; false: the time was over first. The one place that waits:
/// whatever else may end an alertable wait ends it here.
bool completion_port::sleep(port_waiter& me, const port_wait& how) noexcept {
    const kernel::blocking_scope announced;
    for (bool is_late = false;;) {
        // mo: acquire, pairs thread.wake_word (wake_thread): who took us off the stack is visible.
        const uint32_t seen = me.thread->wake_word.load(std::memory_order_acquire);
        {
            const std::lock_guard guard(lock_);
            if (!me.is_asleep) {
                return true;
            }
            if (is_late) {
                remove_waiter(me);
                return false;
            }
        }
        is_late = kernel::futex_wait(me.thread->wake_word, seen, how.deadline_ns) == -ETIMEDOUT;
    }
}

ntstatus completion_port::remove(std::span<OVERLAPPED_ENTRY> entries,
                                 const port_wait& how,
                                 size_t& taken) noexcept {
    taken = 0;
    thread_record* const thread = current_thread_record();
    port_member& member = member_of_thread;
    if (thread == nullptr || !member.join(*this)) {
        return status::no_memory;
    }
    port_packet* done = nullptr;
    port_waiter me{thread};
    const bool is_poll = how.deadline_ns == poll_deadline;
    switch (begin(entries, taken, done, is_poll ? nullptr : &me, member.end_slot())) {
    case outcome::abandoned:
        return status::abandoned_wait_0;
    case outcome::must_wait:
        if (is_poll || !sleep(me, how)) {
            return status::timeout;
        }
        if (me.packet == nullptr) {
            return status::abandoned_wait_0;
        }
        entries[0] = entry_of(*me.packet);
        done = me.packet;
        taken = 1;
        if (entries.size() > 1) {
            const std::lock_guard guard(lock_);
            taken += take_into(entries.subspan(1), done);
        }
        break;
    case outcome::taken:
        break;
    }
    member.got_slot();
    drop_packets(done);
    return status::success;
}

void completion_port::last_handle_closed() noexcept {
    port_packet* left = nullptr;
    {
        wake_batch batch;
        const std::lock_guard guard(lock_);
        is_closed_ = true;
        left = std::exchange(oldest_, nullptr);
        while (top_ != nullptr) {
            port_waiter& one = *top_;
            remove_waiter(one);
            batch.add(*one.thread);
        }
    }
    drop_packets(left);
}

void completion_port::destroy() noexcept {
    destroy_object(this);
}

// --- by handle -----------------------------------------------------------------------------------

ntstatus create_port(uint32_t concurrency, HANDLE& made) noexcept {
    made = nullptr;
    if (concurrency == 0) {
        concurrency = kernel::machine_topology().usable;
    }
    const auto port = make_object<completion_port>(concurrency);
    return port ? handles().insert(*port, made) : status::no_memory;
}

DWORD bind_to_port(HANDLE file, HANDLE port, ULONG_PTR key) noexcept {
    ntstatus code;
    auto target = reference<completion_port>(port, code);
    if (!target) {
        return win32_of_status(code);
    }
    void* piece = bindings.take();
    if (piece == nullptr) {
        return win32_of_status(status::no_memory);
    }
    auto* binding = new (piece) port_binding(std::move(target), key);
    const DWORD error = bind_completion_target(file, *binding, default_sink());
    if (error != ERROR_SUCCESS) {
        binding->file_closed();
    }
    return error;
}

ntstatus post_to_port(HANDLE port, DWORD bytes, ULONG_PTR key, LPOVERLAPPED overlapped) noexcept {
    ntstatus code;
    const auto target = reference<completion_port>(port, code);
    if (!target) {
        return code;
    }
    void* piece = posted_packets.take();
    if (piece == nullptr) {
        return status::insufficient_resources;
    }
    auto* packet = new (piece) port_packet;
    packet->key = key;
    packet->overlapped = overlapped;
    packet->bytes = bytes;
    target->insert(*packet);
    return status::success;
}

ntstatus remove_from_port(HANDLE port,
                          std::span<OVERLAPPED_ENTRY> entries,
                          const port_wait& how,
                          size_t& taken) noexcept {
    taken = 0;
    ntstatus code;
    const auto target = reference<completion_port>(port, code);
    return target ? target->remove(entries, how, taken) : code;
}

} // namespace rp::nt
