// SPDX-License-Identifier: Apache-2.0
// The C++ owners of <ringpool/ringpool.hpp>, against the library as a program links it.
#include <windows.h>

#include <doctest/doctest.h>
#include <ringpool/ringpool.hpp>

#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

namespace {

using namespace ringpool;

constexpr DWORD patience_ms = 10'000;

static_assert(std::is_nothrow_destructible_v<work> && std::is_nothrow_move_constructible_v<work>);
static_assert(std::is_nothrow_move_assignable_v<work> && !std::is_copy_constructible_v<work>);
static_assert(!std::is_constructible_v<work, int>);
static_assert(std::is_nothrow_destructible_v<unique_io>);

struct close_handle {
    void operator()(void* handle) const noexcept { CloseHandle(handle); }
};

using unique_handle = std::unique_ptr<void, close_handle>;

unique_handle make_event(bool manual_reset = true) {
    return unique_handle(CreateEventA(nullptr, manual_reset, FALSE, nullptr));
}

int code_of(auto&& action) {
    try {
        action();
    } catch (const std::system_error& error) {
        CHECK(error.code().category() == win32_category());
        return error.code().value();
    }
    return NO_ERROR;
}

// One thread, held until release(): what is submitted meanwhile stays pending.
class held_pool {
public:
    held_pool()
        : entered_(make_event()), open_(make_event()), pool_(make_pool(1, 1)),
          holder_(
              [this] {
                  SetEvent(entered_.get());
                  WaitForSingleObject(open_.get(), patience_ms);
              },
              callback_environment().pool(pool_)) {
        holder_.submit();
        REQUIRE(WaitForSingleObject(entered_.get(), patience_ms) == WAIT_OBJECT_0);
    }

    void release() {
        SetEvent(open_.get());
        holder_.wait();
    }

    PTP_POOL get() const { return pool_.get(); }

private:
    unique_handle entered_, open_;
    unique_pool pool_;
    work holder_;
};

void CALLBACK count_call(PTP_CALLBACK_INSTANCE, void* context, PTP_WORK) {
    InterlockedIncrement(static_cast<LONG*>(context));
}

void CALLBACK count_cancel(void* object_context, void* cleanup_context) {
    CHECK(cleanup_context == nullptr);
    InterlockedAdd(static_cast<LONG*>(object_context), 100);
}

} // namespace

TEST_CASE("win32_category maps codes to portable conditions and names the others") {
    CHECK(win32_error(ERROR_ACCESS_DENIED) == std::errc::permission_denied);
    CHECK(win32_error(ERROR_OPERATION_ABORTED) == std::errc::operation_canceled);
    CHECK(win32_error(ERROR_NOT_OWNER).default_error_condition().category() == win32_category());
    CHECK(win32_error(ERROR_NOT_OWNER).message() == "Win32 error 288");
    CHECK(win32_error(ERROR_INVALID_PARAMETER).message().starts_with("Win32 error 87 ("));
    CHECK(std::string(win32_category().name()) == "win32");
}

TEST_CASE("callback_environment writes what the Win32 helpers write") {
    int places[2] = {};
    const auto pool = reinterpret_cast<PTP_POOL>(&places[0]);
    const auto group = reinterpret_cast<PTP_CLEANUP_GROUP>(&places[1]);
    callback_environment environment;
    PTP_CALLBACK_ENVIRON raw = environment.pool(pool)
                                   .cleanup_group(group, count_cancel)
                                   .priority(TP_CALLBACK_PRIORITY_LOW)
                                   .runs_long()
                                   .persistent();
    CHECK(raw == environment.get());
    CHECK(raw->Version == 3);
    CHECK(raw->Size == sizeof(TP_CALLBACK_ENVIRON));
    CHECK(raw->Pool == pool);
    CHECK(raw->CleanupGroup == group);
    CHECK((raw->CleanupGroupCancelCallback == count_cancel));
    CHECK(raw->CallbackPriority == TP_CALLBACK_PRIORITY_LOW);
    CHECK(raw->u.Flags == 3);
}

TEST_CASE("R-LIFE-1: factories throw the Win32 code of the failure") {
    CHECK(code_of([] { make_work(nullptr); }) == ERROR_INVALID_PARAMETER);
    callback_environment bad;
    bad.get()->Version = 9999;
    CHECK(code_of([&] { make_work(count_call, nullptr, bad); }) == ERROR_INVALID_PARAMETER);
    CHECK(code_of([] {
              make_io(nullptr,
                      [](PTP_CALLBACK_INSTANCE, void*, void*, ULONG, ULONG_PTR, PTP_IO) {});
          }) == ERROR_INVALID_HANDLE);
}

TEST_CASE("an environment that names a cleanup group is refused: the group owns its members") {
    const auto group = make_cleanup_group();
    callback_environment member;
    member.cleanup_group(group);
    CHECK(code_of([&] { make_work(count_call, nullptr, member); }) == ERROR_INVALID_PARAMETER);
    CHECK(code_of([&] { work([] {}, member); }) == ERROR_INVALID_PARAMETER);
}

TEST_CASE("R-WORK-2: work runs its callable once for each submit, on pool threads") {
    LONG calls = 0;
    LONG on_this_thread = 0;
    const auto here = GetCurrentThreadId();
    work counted([&] {
        InterlockedAdd(&on_this_thread, GetCurrentThreadId() == here);
        InterlockedIncrement(&calls);
    });
    for (int i = 0; i < 200; ++i) {
        counted.submit();
    }
    counted.wait();
    CHECK(calls == 200);
    CHECK(on_this_thread == 0);
}

TEST_CASE("a callable may take the callback instance and need not be copyable") {
    const auto done = make_event();
    auto handle = std::make_unique<HANDLE>(done.get());
    work signals([handle = std::move(handle)](PTP_CALLBACK_INSTANCE instance) {
        SetEventWhenCallbackReturns(instance, *handle);
    });
    signals.submit();
    CHECK(WaitForSingleObject(done.get(), patience_ms) == WAIT_OBJECT_0);
}

TEST_CASE("R-LIFE-16: the destructor of work lets pending calls run, then destroys the callable") {
    held_pool pool;
    LONG calls = 0;
    const auto alive = std::make_shared<int>(0);
    const std::weak_ptr<int> watch = alive;
    auto pending_work =
        std::make_unique<work>([&calls, keep = alive] { InterlockedAdd(&calls, 1 + *keep); },
                               callback_environment().pool(pool.get()));
    for (int i = 0; i < 10; ++i) {
        pending_work->submit();
    }
    CHECK(calls == 0);
    CHECK(watch.use_count() == 2);
    pool.release();
    pending_work.reset();
    CHECK(calls == 10);
    CHECK(watch.use_count() == 1);
}

TEST_CASE("R-LIFE-8: wait(pending::drop) and unique_dropping_work drop calls not started") {
    held_pool pool;
    LONG calls = 0;
    work dropped([&] { InterlockedIncrement(&calls); }, callback_environment().pool(pool.get()));
    auto owner = make_work<unique_dropping_work>(
        count_call, &calls, callback_environment().pool(pool.get()));
    for (int i = 0; i < 10; ++i) {
        dropped.submit();
        SubmitThreadpoolWork(owner.get());
    }
    dropped.wait(pending::drop);
    owner.reset();
    pool.release();
    CHECK(calls == 0);
    dropped.submit();
    dropped.wait();
    CHECK(calls == 1);
}

TEST_CASE("assigning to work finishes the calls of the old callable first") {
    LONG first = 0;
    LONG second = 0;
    work target([&] { InterlockedIncrement(&first); });
    for (int i = 0; i < 100; ++i) {
        target.submit();
    }
    target = work([&] { InterlockedIncrement(&second); });
    CHECK(first == 100);
    target.submit();
    target.wait();
    CHECK(first == 100);
    CHECK(second == 1);
}

TEST_CASE("R-GRP-8: a dropping cleanup group reports each member once, a plain one runs them") {
    std::array<LONG, 3> contexts{};
    const auto submit_members = [&](held_pool& pool, const auto& group) {
        callback_environment environment;
        environment.pool(pool.get()).cleanup_group(group, count_cancel);
        for (auto& context : contexts) {
            context = 0;
            const auto member = CreateThreadpoolWork(count_call, &context, environment);
            REQUIRE(member != nullptr);
            SubmitThreadpoolWork(member);
            SubmitThreadpoolWork(member);
        }
    };
    {
        held_pool pool;
        auto group = make_cleanup_group<unique_dropping_cleanup_group>();
        submit_members(pool, group);
        group.reset();
        pool.release();
    }
    for (const auto& context : contexts) {
        CHECK(context == 100);
    }
    {
        held_pool pool;
        auto group = make_cleanup_group();
        submit_members(pool, group);
        pool.release();
        group.reset();
    }
    for (const auto& context : contexts) {
        CHECK(context == 2);
    }
}

TEST_CASE(
    "R-LIFE-16: the destructor of unique_io cancels reads in flight and runs their callbacks") {
    std::array<int, 2> ends{};
    REQUIRE(pipe(ends.data()) == 0);
    const unique_handle reader(rp_handle_from_fd(ends[0], TRUE));
    REQUIRE(reader != nullptr);

    struct outcome {
        LONG callbacks = 0;
        ULONG result = 0;
    } seen;

    auto io = make_io(
        reader.get(),
        [](PTP_CALLBACK_INSTANCE, void* context, void*, ULONG result, ULONG_PTR, PTP_IO) {
            auto& target = *static_cast<outcome*>(context);
            target.result = result;
            InterlockedIncrement(&target.callbacks);
        },
        &seen);
    OVERLAPPED overlapped{};
    char byte = 0;
    StartThreadpoolIo(io.get());
    REQUIRE(!ReadFile(reader.get(), &byte, 1, nullptr, &overlapped));
    REQUIRE(GetLastError() == ERROR_IO_PENDING);
    SetLastError(1234);
    io.reset();
    CHECK(GetLastError() == 1234u);
    CHECK(seen.callbacks == 1);
    CHECK(seen.result == static_cast<ULONG>(ERROR_OPERATION_ABORTED));
    close(ends[1]);
}
