// SPDX-License-Identifier: Apache-2.0
// 50,000 random operations on files, pipes and sockets, with cancels and closes in between: every
// operation ends exactly once, regular files hold what was written, nothing is left behind.
#include "kernel_iface/nt/event.hpp"
#include "kernel_iface/nt/file_open.hpp"
#include "kernel_iface/nt/handle_table.hpp"
#include "kernel_iface/nt/operation.hpp"
#include "kernel_iface/nt/wait.hpp"
#include "tests/unit/nt/sinks.hpp"
#include "tests/unit/nt/temp_file.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

using namespace rp::nt;
using rp::test::random_source;

namespace {

constexpr size_t block_bytes = 512;
constexpr size_t blocks = 64;

/// Counts packets; one per operation, exactly once.
class counting_target final : public completion_target {
public:
    void operation_started(io_operation&) noexcept override { ++started; }

    bool take_packet(io_operation& op) noexcept override {
        ++ended;
        op.drop();
        return true;
    }

    void file_closed() noexcept override { ++closed; }

    std::atomic<uint64_t> started{0};
    std::atomic<uint64_t> ended{0};
    std::atomic<int> closed{0};
};

struct slot {
    OVERLAPPED at{};
    std::array<char, block_bytes> buffer{};
    HANDLE file = nullptr;
    size_t block = 0;
    bool is_busy = false;
    bool is_write = false;
    bool is_regular = false;
};

/// One thread's random walk over its own blocks of a shared file and its own pair of sockets.
class walker {
public:
    walker(HANDLE regular, size_t first_block, uint64_t start, HANDLE event)
        : regular_(regular), first_block_(first_block), random_(start), event_(event) {
        versions_.fill(0);
        open_stream();
    }

    ~walker() {
        for (slot& one : slots_) {
            settle(one);
        }
        close_handle(near_);
        close_handle(far_);
    }

    void step() {
        slot& one = slots_[random_.below(slots_.size())];
        if (one.is_busy) {
            if (random_.below(3) == 0) {
                const ntstatus code = cancel_io(one.file, &one.at, 0);
                CHECK((code == status::success || code == status::not_found ||
                       code == status::invalid_handle));
            }
            if (overlapped_status(one.at) != status::pending || one.is_regular) {
                settle(one);
            }
            return;
        }
        const uint64_t choice = random_.below(100);
        if (choice < 45) {
            start_regular(one);
        } else if (choice < 99) {
            start_stream(one);
        } else {
            // Closing with operations in flight cancels them; they are settled later.
            close_handle(near_);
            close_handle(far_);
            open_stream();
        }
    }

private:
    void open_stream() {
        int fds[2];
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
        REQUIRE(handle_from_fd(fds[0], true, near_) == status::success);
        REQUIRE(handle_from_fd(fds[1], true, far_) == status::success);
    }

    void start_regular(slot& one) {
        const size_t block = random_.below(blocks);
        for (const slot& other : slots_) {
            if (other.is_busy && other.is_regular && other.block == block) {
                return; // order between operations in flight is not defined (R-OVL-4)
            }
        }
        one.block = block;
        one.is_write = random_.below(2) == 0;
        one.is_regular = true;
        one.file = regular_;
        if (one.is_write) {
            fill(one.buffer, block, ++versions_[block]);
        }
        const size_t offset = (first_block_ + block) * block_bytes;
        start(one, static_cast<DWORD>(offset), block_bytes);
    }

    void start_stream(slot& one) {
        one.is_regular = false;
        one.is_write = random_.below(2) == 0;
        one.file = random_.below(2) == 0 ? near_ : far_;
        start(one, 0, static_cast<DWORD>(random_.below(block_bytes + 1)));
    }

    void start(slot& one, DWORD offset, DWORD bytes) {
        one.at = {};
        one.at.Offset = offset;
        one.at.hEvent = random_.below(4) == 0 ? event_ : nullptr;
        const ntstatus code =
            transfer({one.file, one.is_write, one.buffer.data(), bytes, nullptr, &one.at});
        CHECK(code == status::pending);
        one.is_busy = true;
    }

    void settle(slot& one) {
        if (!one.is_busy) {
            return;
        }
        if (!one.is_regular) {
            // May wait for a peer that never comes; of a closed handle it is ending anyway.
            cancel_io(one.file, &one.at, 0);
        }
        while (overlapped_status(one.at) == status::pending) {
            std::this_thread::yield();
        }
        one.is_busy = false;
        const ntstatus code = overlapped_status(one.at);
        if (!one.is_regular) {
            CHECK((code == status::success || code == status::cancelled ||
                   code == status::connection_reset || code == status::connection_disconnected));
            return;
        }
        if (one.is_write && code != status::success) {
            CHECK(code == status::cancelled);
            versions_[one.block] = unknown; // it may or may not have been written
        } else if (!one.is_write && code == status::success) {
            check_content(one);
        } else {
            CHECK((code == status::success || code == status::cancelled));
        }
    }

    static void fill(std::array<char, block_bytes>& buffer, size_t block, uint32_t version) {
        for (size_t i = 0; i < block_bytes; ++i) {
            buffer[i] = static_cast<char>(block * 7 + version * 13 + i);
        }
    }

    void check_content(const slot& one) {
        CHECK(one.at.InternalHigh == block_bytes);
        const uint32_t version = versions_[one.block];
        if (version >= unknown) {
            return;
        }
        std::array<char, block_bytes> expected{};
        if (version != 0) {
            fill(expected, one.block, version);
        }
        CHECK(std::memcmp(expected.data(), one.buffer.data(), block_bytes) == 0);
    }

    static constexpr uint32_t unknown = 1U << 30; // further writes count on from here

    HANDLE regular_;
    size_t first_block_;
    random_source random_;
    HANDLE event_;
    HANDLE near_ = nullptr;
    HANDLE far_ = nullptr;
    std::array<uint32_t, blocks> versions_;
    std::array<slot, 24> slots_;
};

void walk(bool wants_ring) {
    const rp::test::temp_directory directory;
    const std::string name = directory.file("f");
    constexpr size_t walkers = 2;
    rp::test::write_file(name, std::string(walkers * blocks * block_bytes, '\0'));
    const uint32_t before = handles().live_handles();
    HANDLE file = nullptr;
    HANDLE event = nullptr;
    REQUIRE(create_event(true, false, {}, event) == status::success);
    REQUIRE(is_success(create_file(
        {name.c_str(), GENERIC_READ | GENERIC_WRITE, 0, OPEN_EXISTING, FILE_FLAG_OVERLAPPED, false},
        file)));
    counting_target target;
    rp::kernel::io_sink& sink =
        wants_ring ? static_cast<rp::kernel::io_sink&>(rp::test::shared_ring_sink())
                   : rp::kernel::thread_source();
    REQUIRE(bind_completion_target(file, target, sink) == ERROR_SUCCESS);
    std::vector<std::thread> threads;
    for (size_t w = 0; w < walkers; ++w) {
        threads.emplace_back([&, w] {
            walker one(file, w * blocks, rp::test::seed() + w, event);
            for (int i = 0; i < 25'000; ++i) {
                one.step();
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    close_handle(file);
    // The walkers saw every OVERLAPPED complete; the last packets follow right behind.
    while (target.closed.load() == 0) {
        std::this_thread::yield();
    }
    CHECK(target.started.load() == target.ended.load());
    CHECK(target.started.load() > 100); // each slot more than once, however slow the machine
    close_handle(event);
    CHECK(handles().live_handles() == before);
}

} // namespace

TEST_CASE("50,000 random steps on threads") {
    CAPTURE(rp::test::seed());
    walk(false);
}

TEST_CASE("50,000 random steps on a ring") {
    CAPTURE(rp::test::seed());
    if (!rp::test::shared_ring_sink().is_usable()) {
        rp::test::skip_missing("io_uring: " + rp::kernel::probed_ring_caps().cause);
        return;
    }
    const rp::test::sink_choice chosen(true);
    walk(true);
}
