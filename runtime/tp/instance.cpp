// SPDX-License-Identifier: Apache-2.0
#include "runtime/tp/instance.hpp"

#include "kernel_iface/nt/critical_section.hpp"
#include "kernel_iface/nt/event.hpp"
#include "kernel_iface/nt/misuse.hpp"
#include "kernel_iface/nt/module.hpp"
#include "kernel_iface/nt/mutex.hpp"
#include "kernel_iface/nt/semaphore.hpp"
#include "kernel_iface/nt/status.hpp"
#include "runtime/export.hpp"

namespace rp::tp {

namespace {

// R-CB-6: what Windows raises when an action fails after the callback.
constexpr nt::ntstatus set_event_failed = 0xC000070B;
constexpr nt::ntstatus release_semaphore_failed = 0xC000070C;
constexpr nt::ntstatus release_mutex_failed = 0xC000070D;
constexpr nt::ntstatus free_library_failed = 0xC000070E;

void check(nt::ntstatus result,
           nt::ntstatus raised,
           const char* function,
           const void* object,
           const char* explanation) noexcept {
    if (!nt::is_success(result)) {
        nt::fatal_misuse(raised, function, object, result, explanation);
    }
}

} // namespace

instance* instance::current() noexcept {
    sched::worker* w = sched::worker::current();
    return w != nullptr ? static_cast<instance*>(w->instance) : nullptr;
}

group* instance::group_of_object() const noexcept {
    // mo: relaxed, a check for a call that would deadlock.
    return object_.in_group.load(std::memory_order_relaxed);
}

bool instance::take(slot which) noexcept {
    if ((slots_ & which) != 0) {
        return false; // R-CB-2: the first registration of a kind stays
    }
    slots_ |= which;
    return true;
}

void instance::set_event_later(HANDLE event) noexcept {
    if (take(event_slot)) {
        event_ = event;
    }
}

void instance::release_semaphore_later(HANDLE semaphore, DWORD count) noexcept {
    if (take(semaphore_slot)) {
        semaphore_ = semaphore;
        semaphore_count_ = count;
    }
}

void instance::release_mutex_later(HANDLE mutex) noexcept {
    if (take(mutex_slot)) {
        mutex_ = mutex;
    }
}

void instance::leave_critical_section_later(PCRITICAL_SECTION section) noexcept {
    if (take(section_slot)) {
        section_ = section;
    }
}

void instance::free_library_later(HMODULE module) noexcept {
    if (take(library_slot)) {
        library_ = module;
    }
}

bool instance::may_run_long() noexcept {
    if (!is_long_) {
        is_long_ = true;
        was_long_possible_ = worker_.detach_core();
    }
    return was_long_possible_;
}

bool instance::should_yield() noexcept {
    return worker_.owner().should_yield(worker_);
}

void instance::disassociate() noexcept {
    if (!is_disassociated_) {
        is_disassociated_ = true;
        object_.disassociate(how_);
    }
}

void instance::run_epilogue() noexcept {
    if ((slots_ & section_slot) != 0) {
        check(nt::leave_critical_section(section_),
              nt::status::resource_not_owned,
              "LeaveCriticalSectionWhenCallbackReturns",
              section_,
              "the critical section is not owned by the callback's thread (R-CB-5)");
    }
    if ((slots_ & mutex_slot) != 0) {
        check(
            nt::release_mutex(mutex_),
            release_mutex_failed,
            "ReleaseMutexWhenCallbackReturns",
            mutex_,
            "the mutex could not be released: a bad handle, or not owned by the callback's thread");
    }
    if ((slots_ & semaphore_slot) != 0) {
        check(nt::release_semaphore(semaphore_, static_cast<LONG>(semaphore_count_), nullptr),
              release_semaphore_failed,
              "ReleaseSemaphoreWhenCallbackReturns",
              semaphore_,
              "the semaphore could not be released: a bad handle, or above its maximum");
    }
    if ((slots_ & event_slot) != 0) {
        check(nt::set_event(event_),
              set_event_failed,
              "SetEventWhenCallbackReturns",
              event_,
              "the event could not be set: a bad handle");
    }
    if ((slots_ & library_slot) != 0) {
        check(nt::free_library(library_),
              free_library_failed,
              "FreeLibraryWhenCallbackReturns",
              library_,
              "the library could not be freed: not a module");
    }
}

namespace {

/// R-CB-1: an instance is valid on its own thread until its callback returns; nullptr otherwise.
instance* own(PTP_CALLBACK_INSTANCE handle) noexcept {
    instance* running = instance::current();
    return running != nullptr && running->handle() == handle ? running : nullptr;
}

} // namespace

} // namespace rp::tp

using namespace rp;

RP_EXPORT VOID WINAPI SetEventWhenCallbackReturns(PTP_CALLBACK_INSTANCE pci, HANDLE evt) {
    if (tp::instance* running = tp::own(pci); running != nullptr) {
        running->set_event_later(evt);
    }
}

RP_EXPORT VOID WINAPI ReleaseSemaphoreWhenCallbackReturns(PTP_CALLBACK_INSTANCE pci,
                                                          HANDLE sem,
                                                          DWORD crel) {
    if (tp::instance* running = tp::own(pci); running != nullptr) {
        running->release_semaphore_later(sem, crel);
    }
}

RP_EXPORT VOID WINAPI ReleaseMutexWhenCallbackReturns(PTP_CALLBACK_INSTANCE pci, HANDLE mut) {
    if (tp::instance* running = tp::own(pci); running != nullptr) {
        running->release_mutex_later(mut);
    }
}

RP_EXPORT VOID WINAPI LeaveCriticalSectionWhenCallbackReturns(PTP_CALLBACK_INSTANCE pci,
                                                              PCRITICAL_SECTION pcs) {
    if (tp::instance* running = tp::own(pci); running != nullptr) {
        running->leave_critical_section_later(pcs);
    }
}

RP_EXPORT VOID WINAPI FreeLibraryWhenCallbackReturns(PTP_CALLBACK_INSTANCE pci, HMODULE mod) {
    if (tp::instance* running = tp::own(pci); running != nullptr) {
        running->free_library_later(mod);
    }
}

RP_EXPORT BOOL WINAPI CallbackMayRunLong(PTP_CALLBACK_INSTANCE pci) {
    tp::instance* running = tp::own(pci);
    if (running == nullptr) {
        nt::set_last_error(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    if (!running->may_run_long()) {
        nt::set_last_error(ERROR_MAX_THRDS_REACHED); // R-CB-10
        return FALSE;
    }
    return TRUE;
}

RP_EXPORT BOOL rp_callback_should_yield(PTP_CALLBACK_INSTANCE instance) {
    tp::instance* running = tp::own(instance);
    if (running == nullptr) {
        nt::set_last_error(ERROR_INVALID_PARAMETER);
        return FALSE;
    }
    return running->should_yield() ? TRUE : FALSE;
}

RP_EXPORT VOID WINAPI DisassociateCurrentThreadFromCallback(PTP_CALLBACK_INSTANCE pci) {
    if (tp::instance* running = tp::own(pci); running != nullptr) {
        running->disassociate();
    }
}
