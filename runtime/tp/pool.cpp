// SPDX-License-Identifier: Apache-2.0
#include "runtime/tp/pool.hpp"

#include "kernel_iface/linux/detection.hpp"
#include "kernel_iface/linux/slab.hpp"
#include "kernel_iface/linux/thread.hpp"
#include "kernel_iface/nt/completion_target.hpp"
#include "kernel_iface/nt/misuse.hpp"
#include "kernel_iface/nt/status.hpp"
#include "runtime/export.hpp"
#include "runtime/policy/load.hpp"
#include "runtime/tp/verifier.hpp"

#include <ringpool/ringpool.h>

#include <pthread.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <new>

namespace rp::tp {

namespace {

constinit kernel::slab pool_slab{sizeof(pool), alignof(pool)};

/// Registered with the first pool: handlers the program registers later run while pools still work.
/// A child of fork() has no workers, so it is treated like a process that is exiting (R-LIFE-24).
void register_exit_handlers() noexcept {
    static const int registered = [] {
        std::atexit(&pool::begin_exit);
        pthread_atfork(nullptr, nullptr, &pool::begin_exit);
        return 0;
    }();
    (void)registered;
}

/// Prints what is wrong with a policy's name or settings, if anything is.
bool is_usable_policy(const char* spec, const char* origin) noexcept {
    const std::string problem = sched::policy_problem(spec);
    if (!problem.empty()) {
        std::fprintf(stderr, "ringpool: %s: %s\n", origin, problem.c_str());
    }
    return problem.empty();
}

void print_unknown_controller(const char* name, const char* origin) noexcept {
    std::fprintf(stderr, "ringpool: %s: unknown controller '%s'; known:", origin, name);
    for (const char* const* known = sched::controller_names(); *known != nullptr; ++known) {
        std::fprintf(stderr, " %s", *known);
    }
    std::fputc('\n', stderr);
}

const char* process_policy() noexcept {
    const char* name = std::getenv("RINGPOOL_POLICY");
    return name != nullptr && *name != '\0' ? name : sched::policy_names()[0];
}

/// The controller pools begin with; nullptr after saying which names RINGPOOL_CONTROLLER may have.
const char* process_controller() noexcept {
    const char* name = std::getenv("RINGPOOL_CONTROLLER");
    if (name == nullptr || *name == '\0') {
        return sched::controller_names()[0];
    }
    if (!sched::is_controller(name)) {
        print_unknown_controller(name, "RINGPOOL_CONTROLLER");
        return nullptr;
    }
    return name;
}

kernel::io_sink& default_sink() noexcept {
    return pool::process_default()->bind_engine();
}

/// Before any program code runs.
[[gnu::constructor]] void announce_default_sink() {
    nt::set_default_sink(&default_sink);
}

} // namespace

pool::pool(sched::engine& e) noexcept : engine_(&e) {}

pool* pool::create() noexcept {
    register_exit_handlers();
    policy::load_from_environment();
    const char* policy = process_policy();
    if (!is_usable_policy(policy, "RINGPOOL_POLICY")) {
        nt::set_last_error(ERROR_INVALID_PARAMETER);
        return nullptr;
    }
    const char* controller = process_controller();
    if (controller == nullptr) {
        nt::set_last_error(ERROR_INVALID_PARAMETER);
        return nullptr;
    }
    sched::engine* e = sched::engine::create(policy);
    if (e != nullptr && controller != sched::controller_names()[0] &&
        !e->set_controller(controller)) {
        e->shut_down();
        e->release();
        e = nullptr;
    }
    void* memory = e != nullptr ? pool_slab.take() : nullptr;
    if (memory == nullptr) {
        if (e != nullptr) {
            e->shut_down();
            e->release();
        }
        nt::set_last_error(ERROR_NOT_ENOUGH_MEMORY);
        return nullptr;
    }
    auto* made = new (memory) pool(*e);
    if (verifier::is_on()) [[unlikely]] {
        verifier::created(made, "pool");
    }
    return made;
}

pool* pool::process_default() noexcept {
    static std::atomic<pool*> the_pool{nullptr};
    // mo: acquire, pairs pool.default (below).
    pool* p = the_pool.load(std::memory_order_acquire);
    if (p != nullptr) {
        return p;
    }
    static std::mutex creation;
    const std::scoped_lock guard(creation);
    // mo: relaxed, guard: creation.
    p = the_pool.load(std::memory_order_relaxed);
    if (p == nullptr) {
        p = create();
        if (p != nullptr) {
            p->is_default_ = true;
            if (verifier::is_on()) [[unlikely]] {
                verifier::gone(p); // never closed, and never missed
            }
            // mo: release, pairs pool.default (above).
            the_pool.store(p, std::memory_order_release);
        }
    }
    return p;
}

void pool::begin_exit() noexcept {
    // mo: relaxed, a one-way flag; a call that misses it runs as before the exit.
    is_exiting_.store(true, std::memory_order_relaxed);
}

void pool::retain() noexcept {
    if (!is_default_) {
        // mo: relaxed, the caller has a reference or the program's handle is open.
        references_.fetch_add(1, std::memory_order_relaxed);
    }
}

void pool::release() noexcept {
    if (is_default_) {
        return;
    }
    // mo: acq_rel, pairs pool.references (every other release).
    if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) {
        return;
    }
    sched::engine& e = engine();
    // mo: relaxed, for programs that use a closed pool.
    magic_.store(0, std::memory_order_relaxed);
    this->~pool();
    pool_slab.give(this);
    e.shut_down();
    e.release();
}

bool pool::close() noexcept {
    uint32_t expected = magic_alive;
    // mo: relaxed, only decides which of two closes was the first.
    if (!magic_.compare_exchange_strong(expected, magic_closed, std::memory_order_relaxed)) {
        return false;
    }
    if (verifier::is_on()) [[unlikely]] {
        verifier::gone(this);
    }
    release();
    return true;
}

DWORD pool::set_policy(const char* name) noexcept {
    if (!is_usable_policy(name != nullptr ? name : "(NULL)", "rp_pool_set_policy")) {
        return ERROR_INVALID_PARAMETER;
    }
    const std::scoped_lock guard(settings_);
    sched::engine& old = engine();
    if (old.has_started() || is_engine_bound_) {
        return ERROR_BUSY;
    }
    sched::engine* made = sched::engine::create(name);
    if (made == nullptr) {
        return ERROR_NOT_ENOUGH_MEMORY;
    }
    if (!made->take_settings(old)) {
        made->shut_down();
        made->release();
        return ERROR_NO_SYSTEM_RESOURCES;
    }
    // mo: release, pairs pool.engine (engine).
    engine_.store(made, std::memory_order_release);
    old.shut_down();
    old.release();
    return 0;
}

DWORD pool::set_controller(const char* name) noexcept {
    if (name == nullptr || !sched::is_controller(name)) {
        print_unknown_controller(name != nullptr ? name : "(NULL)", "rp_pool_set_controller");
        return ERROR_INVALID_PARAMETER;
    }
    const std::scoped_lock guard(settings_); // not while set_policy copies the settings
    return engine().set_controller(name) ? 0 : ERROR_NOT_ENOUGH_MEMORY;
}

sched::engine& pool::bind_engine() noexcept {
    const std::scoped_lock guard(settings_);
    is_engine_bound_ = true;
    return engine();
}

void pool::set_stack(const TP_POOL_STACK_INFORMATION& information) noexcept {
    const std::scoped_lock guard(settings_);
    stack_ = information;
    is_stack_set_ = true;
    engine().set_stack_bytes(information.StackReserve);
}

TP_POOL_STACK_INFORMATION pool::stack() const noexcept {
    const std::scoped_lock guard(settings_);
    if (is_stack_set_) {
        return stack_;
    }
    TP_POOL_STACK_INFORMATION defaults;
    defaults.StackReserve = kernel::default_stack_bytes();
    defaults.StackCommit = static_cast<SIZE_T>(sysconf(_SC_PAGESIZE));
    return defaults;
}

namespace {

/// The pool behind a handle, or nullptr after reporting the misuse.
pool* checked(PTP_POOL handle, const char* function) noexcept {
    pool* p = pool::of(handle);
    if (p == nullptr || !p->is_alive()) {
        nt::fatal_misuse(nt::status::invalid_parameter,
                         function,
                         handle,
                         0,
                         p == nullptr ? "the pool is NULL (R-LIFE-5)"
                                      : "the pool has been closed (R-POOL-15)");
        return nullptr;
    }
    return p;
}

} // namespace

pool* pool::given_or_default(PTP_POOL handle, const char* function) noexcept {
    return handle != nullptr ? checked(handle, function) : process_default();
}

} // namespace rp::tp

using namespace rp;

RP_EXPORT PTP_POOL WINAPI CreateThreadpool(PVOID reserved) {
    if (reserved != nullptr || tp::pool::is_process_exiting()) {
        nt::set_last_error(ERROR_INVALID_PARAMETER);
        return nullptr;
    }
    tp::pool* p = tp::pool::create();
    return p != nullptr ? p->handle() : nullptr;
}

RP_EXPORT VOID WINAPI SetThreadpoolThreadMaximum(PTP_POOL ptpp, DWORD cthrdMost) {
    if (tp::pool* p = tp::checked(ptpp, "SetThreadpoolThreadMaximum"); p != nullptr) {
        p->engine().set_maximum(cthrdMost);
    }
}

RP_EXPORT BOOL WINAPI SetThreadpoolThreadMinimum(PTP_POOL ptpp, DWORD cthrdMic) {
    tp::pool* p = tp::checked(ptpp, "SetThreadpoolThreadMinimum");
    if (p == nullptr) {
        nt::set_last_error(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    if (!p->engine().set_minimum(cthrdMic)) {
        nt::set_last_error(ERROR_NO_SYSTEM_RESOURCES);
        return FALSE;
    }
    return TRUE;
}

RP_EXPORT BOOL WINAPI SetThreadpoolStackInformation(PTP_POOL ptpp,
                                                    PTP_POOL_STACK_INFORMATION ptpsi) {
    tp::pool* p = tp::checked(ptpp, "SetThreadpoolStackInformation");
    if (p == nullptr || ptpsi == nullptr) {
        nt::set_last_error(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    p->set_stack(*ptpsi);
    return TRUE;
}

RP_EXPORT BOOL WINAPI QueryThreadpoolStackInformation(PTP_POOL ptpp,
                                                      PTP_POOL_STACK_INFORMATION ptpsi) {
    tp::pool* p = tp::checked(ptpp, "QueryThreadpoolStackInformation");
    if (p == nullptr || ptpsi == nullptr) {
        nt::set_last_error(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    *ptpsi = p->stack();
    return TRUE;
}

RP_EXPORT VOID WINAPI CloseThreadpool(PTP_POOL ptpp) {
    if (tp::pool* p = tp::checked(ptpp, "CloseThreadpool"); p != nullptr && !p->close()) {
        nt::fatal_misuse(nt::status::invalid_parameter,
                         "CloseThreadpool",
                         ptpp,
                         0,
                         "two threads closed the pool at once (R-POOL-15)");
    }
}

RP_EXPORT BOOL rp_pool_set_policy(PTP_POOL pool, const char* name) {
    tp::pool* p = tp::pool::given_or_default(pool, "rp_pool_set_policy");
    if (p == nullptr) {
        return FALSE;
    }
    const DWORD error = p->set_policy(name);
    if (error != 0) {
        nt::set_last_error(error);
    }
    return error == 0 ? TRUE : FALSE;
}

RP_EXPORT BOOL rp_pool_set_class_deadline(PTP_POOL pool,
                                          const void* function,
                                          ULONGLONG microseconds) {
    constexpr ULONGLONG longest_us = 60'000'000;
    tp::pool* p = tp::pool::given_or_default(pool, "rp_pool_set_class_deadline");
    if (p == nullptr || function == nullptr || microseconds > longest_us) {
        nt::set_last_error(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    sched::class_table& classes = p->engine().classes();
    classes.set_deadline_ns(classes.of(function), static_cast<int64_t>(microseconds) * 1000);
    return TRUE;
}

RP_EXPORT const char* const* rp_policy_names(void) {
    policy::load_from_environment();
    return sched::policy_names();
}

RP_EXPORT const char* rp_detection_tier(void) {
    return kernel::detection_tier_name(kernel::detection().tier);
}

RP_EXPORT const char* rp_version(void) {
    return RINGPOOL_VERSION;
}

RP_EXPORT BOOL rp_pool_set_idle_timeout(PTP_POOL pool, DWORD milliseconds) {
    tp::pool* p = tp::pool::given_or_default(pool, "rp_pool_set_idle_timeout");
    if (p == nullptr) {
        return FALSE;
    }
    p->engine().set_idle_timeout_ms(milliseconds);
    return TRUE;
}

RP_EXPORT BOOL rp_pool_query(PTP_POOL pool, rp_pool_info* info) {
    if (info == nullptr || info->size != sizeof(rp_pool_info)) {
        nt::set_last_error(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    tp::pool* p = tp::pool::given_or_default(pool, "rp_pool_query");
    if (p == nullptr) {
        return FALSE;
    }
    const sched::engine_statistics s = p->engine().statistics();
    info->threads = s.threads;
    info->threads_peak = s.threads_peak;
    info->threads_minimum = s.threads_minimum;
    info->threads_maximum = s.threads_maximum;
    info->cores = s.cores;
    info->idle = s.idle;
    info->blocked = s.blocked;
    info->callbacks = s.callbacks;
    info->steals = s.steals;
    info->parks = s.parks;
    info->wakes = s.wakes;
    info->completions = s.completions;
    info->rescues = s.rescues;
    info->policy = p->engine().policy_name();
    info->completion_source = sched::completion_source_description();
    return TRUE;
}
