// SPDX-License-Identifier: Apache-2.0
#include "runtime/tp/io.hpp"

#include "kernel_iface/nt/misuse.hpp"
#include "kernel_iface/nt/status.hpp"
#include "runtime/export.hpp"
#include "runtime/tp/checked.hpp"
#include "runtime/tp/run_call.hpp"

#include <mutex>
#include <new>

namespace rp::tp {

namespace {

constinit kernel::slab io_slab{sizeof(io), alignof(io)};

} // namespace

/// A packet and a turn, both waiting; lives in the operation. Turns are items of the scheduler, in
/// whatever queue its policy chose, and packets wait in a list of the object, oldest first. Whoever
/// is given a turn runs the oldest packet, not the one it came with: so callbacks of one object
/// start in the order of completion, whichever thread reaped them and whatever the queues do. The
/// operation is held once for its packet and once for its turn.
struct io::queued_packet : sched::item {
    io* owner;
    nt::io_operation* op;
    queued_packet* next;

    static void run_one(sched::item& self, sched::worker& w) noexcept {
        auto& turn = static_cast<queued_packet&>(self);
        io& owner = *turn.owner;
        nt::io_operation& holder = *turn.op;
        owner.deliver(w, owner.oldest_packet());
        holder.drop();
        owner.let_go_of_memory();
    }
};

io::io(PTP_WIN32_IO_CALLBACK callback,
       LPOVERLAPPED_COMPLETION_ROUTINE routine,
       PVOID pv,
       const environment& env) noexcept
    : callback_object(object_magic::io,
                      callback != nullptr ? reinterpret_cast<const void*>(callback)
                                          : reinterpret_cast<const void*>(routine),
                      env,
                      0),
      callback_(callback), routine_(routine), engine_(env.pool->bind_engine()) {
    engine_.retain();
    context = pv;
}

io* io::create(HANDLE file,
               PTP_WIN32_IO_CALLBACK callback,
               PVOID context,
               const environment& env,
               DWORD& error) noexcept {
    void* memory = io_slab.take();
    if (memory == nullptr) {
        error = ERROR_NOT_ENOUGH_MEMORY;
        return nullptr;
    }
    io* made = new (memory) io(callback, nullptr, context, env);
    error = nt::bind_completion_target(file, *made, made->engine_);
    if (error != 0) {
        made->file_closed();
        (void)made->close();
        return nullptr;
    }
    made->join_group(env);
    return made;
}

DWORD io::bind(HANDLE file,
               LPOVERLAPPED_COMPLETION_ROUTINE routine,
               const environment& env) noexcept {
    void* memory = io_slab.take();
    if (memory == nullptr) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    io* made = new (memory) io(nullptr, routine, nullptr, env);
    const DWORD error = nt::bind_completion_target(file, *made, made->engine_);
    if (error != 0) {
        made->file_closed();
    }
    return error;
}

void io::start() noexcept {
    (void)add_pending(); // the lock is for those who take credits away
}

bool io::cancel_start() noexcept {
    uint64_t now = 0;
    {
        const std::scoped_lock guard(credits_lock_);
        // mo: relaxed, credits are taken away under the lock only.
        if (tally::pending(tally_.load(std::memory_order_relaxed)) == 0) {
            // A start whose credit a drop took away before the I/O call failed may be cancelled.
            const bool was_overtaken = dropped_ != 0;
            dropped_ -= was_overtaken ? 1 : 0;
            return was_overtaken;
        }
        // mo: acq_rel, pairs object.tally (wait_for).
        now = tally_.fetch_sub(tally::pending_one, std::memory_order_acq_rel) - tally::pending_one;
    }
    settle(now);
    return true;
}

uint32_t io::drop_started() noexcept {
    uint64_t now = 0;
    uint32_t dropped = 0;
    {
        const std::scoped_lock guard(credits_lock_);
        // mo: relaxed, guard: credits_lock_.
        const uint64_t epoch = epoch_.load(std::memory_order_relaxed);
        // mo: release, pairs io.epoch (operation_started).
        epoch_.store(epoch + 1, std::memory_order_release);
        // mo: relaxed, credits are taken away under the lock only.
        dropped = tally::pending(tally_.load(std::memory_order_relaxed));
        dropped_ += dropped;
        // mo: acq_rel, pairs object.tally (wait_for).
        now = tally_.fetch_sub(dropped, std::memory_order_acq_rel) - dropped;
    }
    if (dropped != 0) {
        settle(now);
    }
    return dropped;
}

io::claim_result io::claim_credit(uint64_t epoch) noexcept {
    const std::scoped_lock guard(credits_lock_);
    // mo: relaxed, guard: credits_lock_.
    if (epoch != epoch_.load(std::memory_order_relaxed)) {
        return claim_result::orphan;
    }
    // mo: relaxed, credits are taken away under the lock only.
    if (tally::pending(tally_.load(std::memory_order_relaxed)) == 0) {
        return claim_result::unannounced;
    }
    // mo: acq_rel, pairs object.tally (add_pending).
    tally_.fetch_add(tally::running_one - tally::pending_one, std::memory_order_acq_rel);
    return claim_result::claimed;
}

void io::operation_started(nt::io_operation& op) noexcept {
    // mo: acquire, pairs io.epoch (drop_started): an operation that is issued after Wait(TRUE) has
    // returned is none of its orphans.
    op.target_epoch = epoch_.load(std::memory_order_acquire);
    if (verifier::is_on() && !op.is_packet_suppressed) [[unlikely]] {
        // mo: relaxed, looked at when the program is done with the object.
        in_flight_.fetch_add(1, std::memory_order_relaxed);
    }
    if (routine_ != nullptr && !op.is_packet_suppressed) {
        start();
    }
}

void io::check_starts() noexcept {
    // mo: relaxed, the program has ordered its own calls before the close.
    const auto credits =
        static_cast<int64_t>(tally::pending(tally_.load(std::memory_order_relaxed)));
    // mo: relaxed, as above.
    const int64_t operations = in_flight_.load(std::memory_order_relaxed);
    if (credits > operations) {
        nt::report_misuse(nt::status::invalid_parameter,
                          "CloseThreadpoolIo",
                          handle(),
                          static_cast<uintptr_t>(credits - operations),
                          "StartThreadpoolIo was called without an operation or a "
                          "CancelThreadpoolIo following: the object can never be freed (R-IO-8)");
    }
}

bool io::take_packet(nt::io_operation& op) noexcept {
    // mo: relaxed, only this thread's own packets matter: one that it queued comes first.
    if (oldest_.load(std::memory_order_relaxed) == nullptr && engine_.may_run_inline()) {
        return false;
    }
    static_assert(sizeof(queued_packet) <= sizeof op.client);
    auto* queued = new (op.client) queued_packet;
    queued->run = &queued_packet::run_one;
    queued->priority = priority;
    queued->cls = cls;
    queued->owner = this;
    queued->op = &op;
    queued->next = nullptr;
    op.hold(); // the turn's
    // Until the turn was had: the file, and with it this object's memory, may go before.
    // mo: relaxed, the file has a hold.
    memory_holds_.fetch_add(1, std::memory_order_relaxed);
    {
        const std::lock_guard guard(packets_lock_);
        // mo: relaxed, guard: packets_lock_.
        if (oldest_.load(std::memory_order_relaxed) == nullptr) {
            // mo: relaxed, as above.
            oldest_.store(queued, std::memory_order_relaxed);
        } else {
            newest_->next = queued;
        }
        newest_ = queued;
    }
    engine_.place(*queued, sched::origin::io);
    return true;
}

void io::run_packet(nt::io_operation& op) noexcept {
    deliver(*sched::worker::current(), op);
}

/// There is one for each turn.
nt::io_operation& io::oldest_packet() noexcept {
    const std::lock_guard guard(packets_lock_);
    // mo: relaxed, guard: packets_lock_.
    queued_packet* const first = oldest_.load(std::memory_order_relaxed);
    // mo: relaxed, as above.
    oldest_.store(first->next, std::memory_order_relaxed);
    return *first->op;
}

void io::deliver(sched::worker& w, nt::io_operation& op) noexcept {
    if (verifier::is_on()) [[unlikely]] {
        // mo: relaxed, see check_starts.
        in_flight_.fetch_sub(1, std::memory_order_relaxed);
    }
    if (const claim_result claim = claim_credit(op.target_epoch); claim != claim_result::claimed) {
        if (claim == claim_result::unannounced) {
            nt::report_misuse(
                nt::status::invalid_parameter,
                "StartThreadpoolIo",
                op.overlapped,
                op.status,
                "an operation completed that was not announced by StartThreadpoolIo, "
                "or was taken back by CancelThreadpoolIo: its callback is not run (R-IO-5)");
        }
        op.drop();
        return;
    }
    PVOID const overlapped = op.overlapped;
    const ULONG result = nt::win32_of_status(op.status);
    const ULONG_PTR bytes = op.bytes;
    op.drop();
    run_call(w, *this, claimed::single, [&](PTP_CALLBACK_INSTANCE instance) {
        if (callback_ != nullptr) {
            callback_(instance, context, overlapped, result, bytes, handle());
        } else {
            routine_(result, static_cast<DWORD>(bytes), static_cast<LPOVERLAPPED>(overlapped));
        }
    });
}

void io::file_closed() noexcept {
    if (routine_ != nullptr) {
        (void)close(); // nobody else has it
    }
    let_go_of_memory();
}

void io::destroy() noexcept {
    let_go_of_memory();
}

void io::let_go_of_memory() noexcept {
    // mo: acq_rel, pairs io.memory (the other one).
    if (memory_holds_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        sched::engine& armed_on = engine_;
        this->~io();
        io_slab.give(this);
        armed_on.release();
    }
}

} // namespace rp::tp

using namespace rp;

RP_EXPORT PTP_IO WINAPI CreateThreadpoolIo(HANDLE fl,
                                           PTP_WIN32_IO_CALLBACK pfnio,
                                           PVOID pv,
                                           PTP_CALLBACK_ENVIRON pcbe) {
    tp::environment env;
    if (!tp::prepare(pfnio != nullptr, pcbe, "CreateThreadpoolIo", env)) {
        return nullptr;
    }
    DWORD error = 0;
    tp::io* made = tp::io::create(fl, pfnio, pv, env, error);
    if (made == nullptr) {
        nt::set_last_error(error);
        return nullptr;
    }
    return made->handle();
}

RP_EXPORT BOOL WINAPI BindIoCompletionCallback(HANDLE FileHandle,
                                               LPOVERLAPPED_COMPLETION_ROUTINE Function,
                                               ULONG Flags) {
    tp::environment env;
    DWORD error = ERROR_INVALID_PARAMETER;
    if (Function != nullptr && Flags == 0) {
        error = tp::read_environment(nullptr, "BindIoCompletionCallback", env);
    }
    if (error == 0) {
        error = tp::io::bind(FileHandle, Function, env);
    }
    if (error != 0) {
        nt::set_last_error(error);
    }
    return error == 0 ? TRUE : FALSE;
}

RP_EXPORT VOID WINAPI StartThreadpoolIo(PTP_IO pio) {
    tp::io* object = tp::io::of(pio);
    if (tp::is_usable(object, tp::object_magic::io, "StartThreadpoolIo")) {
        object->start();
    }
}

RP_EXPORT VOID WINAPI CancelThreadpoolIo(PTP_IO pio) {
    tp::io* object = tp::io::of(pio);
    if (tp::is_usable(object, tp::object_magic::io, "CancelThreadpoolIo") &&
        !object->cancel_start()) {
        nt::fatal_misuse(nt::status::invalid_parameter,
                         "CancelThreadpoolIo",
                         pio,
                         0,
                         "more cancels than starts (R-IO-9)");
    }
}

RP_EXPORT VOID WINAPI WaitForThreadpoolIoCallbacks(PTP_IO pio, BOOL fCancelPendingCallbacks) {
    tp::io* object = tp::io::of(pio);
    if (tp::is_usable(object, tp::object_magic::io, "WaitForThreadpoolIoCallbacks")) {
        tp::wait_for_callbacks(*object, fCancelPendingCallbacks, "WaitForThreadpoolIoCallbacks");
    }
}

RP_EXPORT VOID WINAPI CloseThreadpoolIo(PTP_IO pio) {
    tp::io* object = tp::io::of(pio);
    if (tp::is_usable(object, tp::object_magic::io, "CloseThreadpoolIo")) {
        if (tp::verifier::is_on()) [[unlikely]] {
            object->check_starts();
        }
        tp::close_object(*object, "CloseThreadpoolIo");
    }
}
