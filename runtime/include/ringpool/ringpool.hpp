/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RINGPOOL_RINGPOOL_HPP
#define RINGPOOL_RINGPOOL_HPP
// C++20 owners for thread-pool objects. Each destructor performs the teardown order Windows
// documents, and none throws:
//
//     pool            CloseThreadpool
//     cleanup group   close the members, then the group                          (R-GRP-15)
//     work            wait for its calls, then close                             (R-LIFE-16)
//     I/O             cancel what is in flight, wait for its callbacks, close    (R-LIFE-16)
//
// The owners are unique_ptrs, so declare them in the order pool, group, objects: C++ then destroys
// them in the order objects, group, pool. Two rules no type can enforce: an owner must not be
// destroyed inside a callback it waits for, which would wait for itself (R-LIFE-13), and nothing
// may submit to an object while its owner is being destroyed.
//
// A cleanup group closes its members, so a member has an owner already: make_work, make_io and work
// refuse an environment that names a group, with ERROR_INVALID_PARAMETER. Create members with the
// Win32 functions and let unique_cleanup_group own them.
//
// Errors at creation are thrown as std::system_error with a Win32 code in win32_category().
#include <threadpoolapiset.h>

#include <ringpool/ringpool.h>

#include <errhandlingapi.h>
#include <ioapiset.h>
#include <winerror.h>
#include <winnt.h>

#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#if _WIN32_WINNT < 0x0601
#error "<ringpool/ringpool.hpp> needs _WIN32_WINNT 0x0601 or later (TP_CALLBACK_ENVIRON version 3)"
#endif

namespace ringpool {

// ---- errors -------------------------------------------------------------------------------------

namespace detail {

class win32_error_category final : public std::error_category {
public:
    const char* name() const noexcept override { return "win32"; }

    std::string message(int code) const override {
        const auto condition = default_error_condition(code);
        auto text = "Win32 error " + std::to_string(code);
        if (condition.category() == std::generic_category()) {
            text += " (" + condition.message() + ")";
        }
        return text;
    }

    // Codes with no portable counterpart stay in this category.
    std::error_condition default_error_condition(int code) const noexcept override {
        switch (code) {
        case ERROR_FILE_NOT_FOUND:
        case ERROR_PATH_NOT_FOUND:
        case ERROR_MOD_NOT_FOUND:
            return std::errc::no_such_file_or_directory;
        case ERROR_TOO_MANY_OPEN_FILES:
            return std::errc::too_many_files_open;
        case ERROR_ACCESS_DENIED:
            return std::errc::permission_denied;
        case ERROR_INVALID_HANDLE:
            return std::errc::bad_file_descriptor;
        case ERROR_NOT_ENOUGH_MEMORY:
        case ERROR_OUTOFMEMORY:
            return std::errc::not_enough_memory;
        case ERROR_NO_SYSTEM_RESOURCES:
        case ERROR_MAX_THRDS_REACHED:
            return std::errc::resource_unavailable_try_again;
        case ERROR_NOT_SUPPORTED:
        case ERROR_CALL_NOT_IMPLEMENTED:
            return std::errc::not_supported;
        case ERROR_FILE_EXISTS:
        case ERROR_ALREADY_EXISTS:
            return std::errc::file_exists;
        case ERROR_INVALID_PARAMETER:
            return std::errc::invalid_argument;
        case ERROR_BROKEN_PIPE:
        case ERROR_NO_DATA:
            return std::errc::broken_pipe;
        case ERROR_DISK_FULL:
        case ERROR_HANDLE_DISK_FULL:
            return std::errc::no_space_on_device;
        case ERROR_BUSY:
        case ERROR_SHARING_VIOLATION:
            return std::errc::device_or_resource_busy;
        case ERROR_SEM_TIMEOUT:
        case ERROR_TIMEOUT:
        case WAIT_TIMEOUT:
            return std::errc::timed_out;
        case ERROR_NETNAME_DELETED:
            return std::errc::connection_reset;
        case ERROR_CONNECTION_REFUSED:
            return std::errc::connection_refused;
        case ERROR_CONNECTION_ABORTED:
            return std::errc::connection_aborted;
        case ERROR_OPERATION_ABORTED:
        case ERROR_CANCELLED:
            return std::errc::operation_canceled;
        case ERROR_IO_PENDING:
        case ERROR_IO_INCOMPLETE:
            return std::errc::operation_in_progress;
        case ERROR_NOACCESS:
            return std::errc::bad_address;
        case ERROR_IO_DEVICE:
            return std::errc::io_error;
        default:
            return {code, *this};
        }
    }
};

} // namespace detail

// One object per process, also in programs that hide the symbols of their inline functions:
// error codes compare categories by address.
__attribute__((__visibility__("default"))) inline const std::error_category&
win32_category() noexcept {
    static const detail::win32_error_category category;
    return category;
}

inline std::error_code win32_error(DWORD code) noexcept {
    return {static_cast<int>(code), win32_category()};
}

[[noreturn]] inline void throw_win32_error(DWORD code, const char* function) {
    throw std::system_error(win32_error(code), function);
}

// ---- owners -------------------------------------------------------------------------------------

// What an owner does with calls that are pending, that is accepted and not started, when it ends.
enum class pending : BOOL { run = FALSE, drop = TRUE };

namespace detail {

// Closing happens on paths that still want to report the error that led there.
class last_error_keeper {
public:
    last_error_keeper() noexcept : saved_(GetLastError()) {}

    ~last_error_keeper() { SetLastError(saved_); }

    last_error_keeper(const last_error_keeper&) = delete;
    last_error_keeper& operator=(const last_error_keeper&) = delete;

private:
    DWORD saved_;
};

struct close_pool {
    void operator()(PTP_POOL pool) const noexcept {
        const last_error_keeper keep;
        CloseThreadpool(pool);
    }
};

template <pending Pending>
struct close_cleanup_group {
    void operator()(PTP_CLEANUP_GROUP group) const noexcept {
        const last_error_keeper keep;
        CloseThreadpoolCleanupGroupMembers(group, static_cast<BOOL>(Pending), nullptr);
        CloseThreadpoolCleanupGroup(group);
    }
};

template <pending Pending>
struct close_work {
    void operator()(PTP_WORK work) const noexcept {
        const last_error_keeper keep;
        WaitForThreadpoolWorkCallbacks(work, static_cast<BOOL>(Pending));
        CloseThreadpoolWork(work);
    }
};

// Callbacks still run, with ERROR_OPERATION_ABORTED for what was cancelled: they may be what frees
// the OVERLAPPED, and the kernel owns it until then (R-IO-19). A file handle closed earlier is
// fine.
struct close_io {
    HANDLE file = nullptr;

    void operator()(PTP_IO io) const noexcept {
        const last_error_keeper keep;
        CancelIoEx(file, nullptr);
        WaitForThreadpoolIoCallbacks(io, FALSE);
        CloseThreadpoolIo(io);
    }
};

inline void refuse_group_member(PTP_CALLBACK_ENVIRON environment, const char* function) {
    if (environment != nullptr && environment->CleanupGroup != nullptr) {
        throw_win32_error(ERROR_INVALID_PARAMETER, function);
    }
}

} // namespace detail

using unique_pool = std::unique_ptr<TP_POOL, detail::close_pool>;
using unique_cleanup_group =
    std::unique_ptr<TP_CLEANUP_GROUP, detail::close_cleanup_group<pending::run>>;
using unique_work = std::unique_ptr<TP_WORK, detail::close_work<pending::run>>;
using unique_io = std::unique_ptr<TP_IO, detail::close_io>;

// The same, but calls not yet started never run. A dropping group reports each of its members to
// the cancel callback of that member's environment, with a null CleanupContext (R-GRP-8).
using unique_dropping_cleanup_group =
    std::unique_ptr<TP_CLEANUP_GROUP, detail::close_cleanup_group<pending::drop>>;
using unique_dropping_work = std::unique_ptr<TP_WORK, detail::close_work<pending::drop>>;

// ---- environment --------------------------------------------------------------------------------

// Says where and how callbacks run. Objects copy it when they are made (R-ENV-1), so it may be a
// temporary, and it converts to what the Win32 functions take:
//
//     auto work = make_work(callback, context, callback_environment().pool(pool).runs_long());
class callback_environment {
public:
    callback_environment() noexcept { TpInitializeCallbackEnviron(&environment_); }

    // null: the default pool of the process
    callback_environment& pool(PTP_POOL pool) noexcept {
        TpSetCallbackThreadpool(&environment_, pool);
        return *this;
    }

    callback_environment& pool(const unique_pool& pool) noexcept { return this->pool(pool.get()); }

    callback_environment&
    cleanup_group(PTP_CLEANUP_GROUP group,
                  PTP_CLEANUP_GROUP_CANCEL_CALLBACK on_cancel = nullptr) noexcept {
        TpSetCallbackCleanupGroup(&environment_, group, on_cancel);
        return *this;
    }

    template <pending Pending>
    callback_environment& cleanup_group(
        const std::unique_ptr<TP_CLEANUP_GROUP, detail::close_cleanup_group<Pending>>& group,
        PTP_CLEANUP_GROUP_CANCEL_CALLBACK on_cancel = nullptr) noexcept {
        return cleanup_group(group.get(), on_cancel);
    }

    callback_environment& priority(TP_CALLBACK_PRIORITY priority) noexcept {
        TpSetCallbackPriority(&environment_, priority);
        return *this;
    }

    callback_environment& runs_long() noexcept {
        TpSetCallbackLongFunction(&environment_);
        return *this;
    }

    callback_environment& persistent() noexcept {
        TpSetCallbackPersistent(&environment_);
        return *this;
    }

    // The pool takes over the caller's reference on the module (R-ENV-10).
    callback_environment& library(HMODULE module) noexcept {
        TpSetCallbackRaceWithDll(&environment_, module);
        return *this;
    }

    callback_environment& finalization(PTP_SIMPLE_CALLBACK callback) noexcept {
        TpSetCallbackFinalizationCallback(&environment_, callback);
        return *this;
    }

    PTP_CALLBACK_ENVIRON get() noexcept { return &environment_; }

    operator PTP_CALLBACK_ENVIRON() noexcept { return &environment_; }

private:
    TP_CALLBACK_ENVIRON environment_;
};

// ---- factories ----------------------------------------------------------------------------------

inline unique_pool make_pool() {
    unique_pool pool(CreateThreadpool(nullptr));
    if (!pool) {
        throw_win32_error(GetLastError(), "CreateThreadpool");
    }
    return pool;
}

// The maximum is set first: of two limits that contradict each other the later one wins
// (R-POOL-10).
inline unique_pool make_pool(DWORD threads_minimum, DWORD threads_maximum) {
    auto pool = make_pool();
    SetThreadpoolThreadMaximum(pool.get(), threads_maximum);
    if (!SetThreadpoolThreadMinimum(pool.get(), threads_minimum)) {
        throw_win32_error(GetLastError(), "SetThreadpoolThreadMinimum");
    }
    return pool;
}

// Owner is unique_cleanup_group or unique_dropping_cleanup_group.
template <class Owner = unique_cleanup_group>
Owner make_cleanup_group() {
    Owner group(CreateThreadpoolCleanupGroup());
    if (!group) {
        throw_win32_error(GetLastError(), "CreateThreadpoolCleanupGroup");
    }
    return group;
}

// Owner is unique_work or unique_dropping_work.
template <class Owner = unique_work>
Owner make_work(PTP_WORK_CALLBACK callback,
                void* context = nullptr,
                PTP_CALLBACK_ENVIRON environment = nullptr) {
    detail::refuse_group_member(environment, "make_work");
    Owner work(CreateThreadpoolWork(callback, context, environment));
    if (!work) {
        throw_win32_error(GetLastError(), "CreateThreadpoolWork");
    }
    return work;
}

// Does not own the file handle, but cancels the operations on it when the unique_io ends.
inline unique_io make_io(HANDLE file,
                         PTP_WIN32_IO_CALLBACK callback,
                         void* context = nullptr,
                         PTP_CALLBACK_ENVIRON environment = nullptr) {
    detail::refuse_group_member(environment, "make_io");
    unique_io io(CreateThreadpoolIo(file, callback, context, environment), {file});
    if (!io) {
        throw_win32_error(GetLastError(), "CreateThreadpoolIo");
    }
    return io;
}

// ---- work from any callable ---------------------------------------------------------------------

// A work object around a callable that takes nothing, or the PTP_CALLBACK_INSTANCE of the call.
// Each submit() causes one call; calls may run at the same time on several threads (R-LIFE-7), so
// the callable must allow that. An exception that leaves it ends the program (R-LIFE-22). The
// destructor lets pending calls run, waits for them and then destroys the callable.
class work {
    using callable_owner = std::unique_ptr<void, void (*)(void*) noexcept>;

    template <class Callable>
    static constexpr bool wants_instance = std::is_invocable_v<Callable&, PTP_CALLBACK_INSTANCE>;

public:
    template <class Callable>

    requires(!std::is_same_v<std::remove_cvref_t<Callable>, work> &&
             (std::is_invocable_v<std::decay_t<Callable>&> ||
              std::is_invocable_v<std::decay_t<Callable>&,
                                  PTP_CALLBACK_INSTANCE>)) explicit work(Callable&& callable,
                                                                         PTP_CALLBACK_ENVIRON
                                                                             environment = nullptr)
        : callable_(new std::decay_t<Callable>(std::forward<Callable>(callable)),
                    &destroy<std::decay_t<Callable>>),
          handle_(make_work(&call<std::decay_t<Callable>>, callable_.get(), environment)) {}

    work(work&&) noexcept = default;

    // By way of a temporary: the old callable must outlive the wait for its calls.
    work& operator=(work&& other) noexcept {
        work taken(std::move(other));
        callable_.swap(taken.callable_);
        handle_.swap(taken.handle_);
        return *this;
    }

    ~work() = default;

    void submit() noexcept { SubmitThreadpoolWork(handle_.get()); }

    // Returns when no call is outstanding; with pending::drop those not started yet never run.
    void wait(pending calls = pending::run) noexcept {
        WaitForThreadpoolWorkCallbacks(handle_.get(), static_cast<BOOL>(calls));
    }

    PTP_WORK get() const noexcept { return handle_.get(); }

private:
    template <class Callable>
    static void destroy(void* callable) noexcept {
        delete static_cast<Callable*>(callable);
    }

    template <class Callable>
    static void CALLBACK call(PTP_CALLBACK_INSTANCE instance, void* callable, PTP_WORK) noexcept {
        auto& target = *static_cast<Callable*>(callable);
        if constexpr (wants_instance<Callable>) {
            std::invoke(target, instance);
        } else {
            std::invoke(target);
        }
    }

    callable_owner callable_;
    unique_work handle_; // after callable_: destroyed first
};

} // namespace ringpool
#endif
