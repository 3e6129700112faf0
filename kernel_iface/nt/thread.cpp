// SPDX-License-Identifier: Apache-2.0
// Threads: from CreateThread to the handle that says it is over.
//
// Nouns. A *thread object* is what handles name. A *record* is what the thread is to the objects it
// waits on (thread_record.hpp); it has the object's own reference while the thread lives. A thread
// we did not start, main for example, is *adopted*: it gets its object when it, or somebody with
// its id, first asks for it. The *registry* finds objects by id.
//
// Beginning and end of a thread:
//
//   creator                                    thread
//   1. make the object and a handle            1. make the record, which takes over the object
//   2. start a detached pthread                2. register, phase = running (or failed), wake
//   3. sleep until its phase is known          3. sleep while suspended
//   4. return the handle and the id            4. run what APCs it was sent; run the start routine
//                                              5. exit code; thread_locals are destroyed
//                                              6. (exit hook) abandon mutexes, forget timers, end
//                                                 I/O, discard APCs; signal; drop the reference
//
// There is nothing to join: what a joiner wants to know is the object's state, and that outlives
// the pthread as long as there are handles. Step 3 of the creator is what makes the id valid when
// CreateThread returns; it costs a wake-up, which a thread's creation pays many times over.
//
// An id is that of the Linux thread, and Linux may use it again once the thread is gone. Windows
// keeps it as long as there are handles. So the registry keeps ended threads, too, and looks at the
// youngest first.
//
// ExitThread runs no destructors of the frames it leaves, as on Windows: for our threads it is a
// jump to the first frame. Adopted threads go by pthread_exit, which unwinds.
//
// Rejected: pthread_join from the waiters (one may join, and it cannot time out); suspending a
// running thread (it stops with whatever lock it holds, malloc's for example).
//
// Invariants: record.object == the object of the running thread, or nullptr; exactly one end().
// Read next: apc.cpp, wait.cpp.
#include "kernel_iface/nt/thread.hpp"

#include "kernel_iface/linux/blocking.hpp"
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/linux/thread.hpp"

#include <algorithm>
#include <array>
#include <mutex>

namespace rp::nt {

/// Objects by id, the youngest first. An object is in it from its beginning to its destruction.
class thread_registry {
public:
    void add(thread_object& thread) noexcept {
        const std::lock_guard guard(lock_);
        thread_object*& oldest = chain(thread.id());
        thread.next_ = oldest;
        thread.is_registered_ = true;
        oldest = &thread;
    }

    void remove(thread_object& thread) noexcept {
        const std::lock_guard guard(lock_);
        if (!thread.is_registered_) {
            return;
        }
        thread_object** at = &chain(thread.id());
        while (*at != &thread) {
            at = &(*at)->next_;
        }
        *at = thread.next_;
    }

    ref<thread_object> find(uint32_t id) noexcept {
        const std::lock_guard guard(lock_);
        for (thread_object* one = chain(id); one != nullptr; one = one->next_) {
            // It may be on its way to remove(), with no reference left.
            if (one->id() == id && one->header().try_reference()) {
                return ref<thread_object>::adopt(one);
            }
        }
        return {};
    }

private:
    static constexpr size_t chains = 256;

    thread_object*& chain(uint32_t id) noexcept { return chains_[id % chains]; }

    kernel::spin_lock lock_;
    std::array<thread_object*, chains> chains_{}; // guard: lock_
};

namespace {

constinit thread_registry registry;

ref<thread_object> make_thread_object() noexcept {
    ref<apc_queue> apcs = make_object<apc_queue>();
    return apcs ? make_object<thread_object>(std::move(apcs)) : ref<thread_object>{};
}

} // namespace

/// One CreateThread; lives on the creator's stack until the thread has told its phase.
class thread_starter {
public:
    thread_starter(const thread_call& call, thread_object& thread) noexcept
        : call_(call), thread_(thread) {
        if ((call.flags & CREATE_SUSPENDED) != 0) {
            // mo: relaxed, the thread does not exist yet.
            thread.suspensions_.store(1, std::memory_order_relaxed);
        }
    }

    ntstatus start() noexcept {
        kernel::thread_options options;
        options.stack_bytes = stack_bytes();
        options.inherits_signals = true;
        options.may_exit_early = true;
        thread_.reference(); // the thread's own
        const int error = kernel::start_thread(options, thread_main, this);
        if (error != 0) {
            thread_.release();
            return status_of_errno(-error, io_domain::file);
        }
        const kernel::blocking_scope announced;
        // mo: acquire, pairs thread.phase (tell).
        while (phase_.load(std::memory_order_acquire) == is_starting) {
            kernel::futex_wait(phase_, is_starting, kernel::no_deadline);
        }
        // The thread's last touch of this object is on the word, not behind it: see tell().
        const std::lock_guard guard(telling_);
        // mo: relaxed, acquired above.
        return phase_.load(std::memory_order_relaxed) == is_running ? status::success
                                                                    : status::no_memory;
    }

private:
    /// Without the flag the size is that of the first commitment, and the stack has the default
    /// size at least. Windows allocates in pieces of 64 KiB.
    [[nodiscard]] size_t stack_bytes() const noexcept {
        constexpr size_t granularity_bytes = size_t{64} << 10;
        const bool is_reservation = (call_.flags & STACK_SIZE_PARAM_IS_A_RESERVATION) != 0;
        if (call_.stack_bytes == 0) {
            return 0;
        }
        return std::max(call_.stack_bytes,
                        is_reservation ? granularity_bytes : kernel::default_stack_bytes());
    }

    static void thread_main(void* argument) {
        auto* starter = static_cast<thread_starter*>(argument);
        const thread_call call = starter->call_;
        thread_object* thread = &starter->thread_;
        thread_record* record = current_thread_record();
        if (record == nullptr) {
            starter->tell(has_failed);
            thread->release();
            return;
        }
        record->object = thread;
        begin(*thread);
        starter->tell(is_running); // `starter` is gone from here on
        // mo: acquire, pairs thread.suspensions (resume).
        while (const uint32_t seen = thread->suspensions_.load(std::memory_order_acquire)) {
            kernel::futex_wait(thread->suspensions_, seen, kernel::no_deadline);
        }
        run_pending_apcs();
        thread->set_exit_code(call.routine(call.argument));
    }

    void tell(uint32_t phase) noexcept {
        const std::lock_guard guard(telling_); // the creator returns no earlier than we let go
        // mo: release, pairs thread.phase (start).
        phase_.store(phase, std::memory_order_release);
        kernel::futex_wake(phase_, 1);
    }

    static constexpr uint32_t is_starting = 0;
    static constexpr uint32_t is_running = 1;
    static constexpr uint32_t has_failed = 2;

    const thread_call call_;
    thread_object& thread_;
    std::atomic<uint32_t> phase_{is_starting};
    kernel::spin_lock telling_;

public:
    /// On the thread itself.
    static void begin(thread_object& thread) noexcept {
        // mo: relaxed, see id().
        thread.id_.store(static_cast<uint32_t>(kernel::thread_id()), std::memory_order_relaxed);
        registry.add(thread);
    }
};

void thread_object::set_exit_code(DWORD code) noexcept {
    const std::lock_guard guard(lock_);
    exit_code_ = code;
}

void thread_object::end() noexcept {
    wake_batch batch;
    const std::lock_guard guard(lock_);
    has_ended_ = true;
    serve_waiters(batch);
}

DWORD thread_object::exit_code() noexcept {
    const std::lock_guard guard(lock_);
    return has_ended_ ? exit_code_ : STILL_ACTIVE;
}

DWORD thread_object::resume() noexcept {
    // mo: release, pairs thread.suspensions (thread_main): what the resumer wrote before.
    const uint32_t before = suspensions_.exchange(0, std::memory_order_release);
    if (before != 0) {
        kernel::futex_wake(suspensions_, 1);
    }
    return before;
}

void thread_object::destroy() noexcept {
    registry.remove(*this);
    destroy_object(this);
}

ntstatus create_thread(const thread_call& call, HANDLE& made, DWORD& id) noexcept {
    made = nullptr;
    constexpr DWORD known_flags = CREATE_SUSPENDED | STACK_SIZE_PARAM_IS_A_RESERVATION;
    if (call.routine == nullptr || (call.flags & ~known_flags) != 0) {
        return status::invalid_parameter;
    }
    const ref<thread_object> thread = make_thread_object();
    if (!thread) {
        return status::no_memory;
    }
    HANDLE handle = nullptr;
    ntstatus code = handles().insert(*thread, handle);
    if (code != status::success) {
        return code;
    }
    code = thread_starter(call, *thread).start();
    if (code != status::success) {
        close_handle(handle);
        return code;
    }
    made = handle;
    id = thread->id();
    return status::success;
}

ntstatus open_thread(DWORD id, HANDLE& made) noexcept {
    made = nullptr;
    const ref<thread_object> thread = registry.find(id);
    return thread ? handles().insert(*thread, made) : status::invalid_parameter;
}

void exit_current_thread(DWORD code) {
    if (thread_object* thread = current_thread(); thread != nullptr) {
        thread->set_exit_code(code);
    }
    kernel::exit_thread();
}

ntstatus resume_thread(HANDLE thread, DWORD& previous) noexcept {
    ntstatus code;
    if (const auto target = reference<thread_object>(thread, code)) {
        previous = target->resume();
    }
    return code;
}

thread_object* current_thread() noexcept {
    thread_record* record = current_thread_record();
    if (record == nullptr) {
        return nullptr;
    }
    if (record->object == nullptr) {
        ref<thread_object> made = make_thread_object();
        if (!made) {
            return nullptr;
        }
        thread_starter::begin(*made);
        record->object = made.detach();
    }
    return record->object;
}

void end_thread(thread_record& record) noexcept {
    thread_object* const thread = std::exchange(record.object, nullptr);
    if (thread != nullptr) {
        thread->apcs().close();
        thread->end();
        thread->release();
    }
}

} // namespace rp::nt
