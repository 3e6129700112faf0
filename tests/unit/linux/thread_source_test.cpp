// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/futex.hpp"
#include "kernel_iface/linux/thread_source.hpp"
#include "tests/unit/linux/sink_semantics.hpp"
#include "tests/unit/unit_test.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

using namespace rp::kernel;
using rp::test::pipe_pair;
using rp::test::probe_request;

namespace {

void await_end(probe_request& request) {
    while (!request.has_ended()) {
        futex_wait(request.is_done, 0, no_deadline);
    }
}

class threaded_harness final : public rp::test::sink_harness {
public:
    io_sink& sink() override { return thread_source(); }

    void run_until_ended(probe_request& request) override { await_end(request); }
};

} // namespace

TEST_SUITE("thread_source") {
    TEST_CASE("thread source: keeps the promises of a sink") {
        threaded_harness harness;
        rp::test::check_sink_semantics(harness);
    }

    TEST_CASE("thread source: many reads at once on one pipe, from several threads") {
        const pipe_pair pipe;
        constexpr size_t reads_max = 200;
        std::deque<probe_request> reads;
        std::vector<char> bytes(reads_max);
        for (size_t i = 0; i < reads_max; ++i) {
            reads.emplace_back(io_op::read, pipe.read_end(), &bytes[i], 1);
        }
        std::vector<std::thread> threads;
        for (size_t t = 0; t < 4; ++t) {
            threads.emplace_back([&, t] {
                for (size_t i = t; i < reads_max; i += 4) {
                    thread_source().arm(reads[i]);
                }
            });
        }
        const std::vector<char> data(reads_max, 'x');
        CHECK(write(pipe.write_end(), data.data(), data.size()) == reads_max);
        for (std::thread& thread : threads) {
            thread.join();
        }
        for (probe_request& read : reads) {
            await_end(read);
            CHECK(read.res() == 1);
        }
        CHECK(bytes == data);
    }

    TEST_CASE("thread source: cancels race with data, each request ends once") {
        rp::test::random_source random(rp::test::seed());
        int cancelled = 0;
        for (int round = 0; round < 300; ++round) {
            const pipe_pair pipe;
            char byte = 0;
            probe_request read(io_op::read, pipe.read_end(), &byte, 1);
            read.hold();
            thread_source().arm(read);
            std::thread writer([&] { pipe.put("x"); });
            for (uint64_t i = random.below(200); i > 0; --i) {
                std::this_thread::yield();
            }
            thread_source().cancel(read);
            read.drop();
            await_end(read);
            writer.join();
            // mo: relaxed, the request has ended.
            CHECK(read.completions.load(std::memory_order_relaxed) == 1);
            const bool is_valid = read.res() == 1 || read.res() == -ECANCELED;
            CHECK(is_valid);
            cancelled += read.res() == -ECANCELED ? 1 : 0;
        }
        MESSAGE("cancelled in time: " << cancelled << " of 300");
    }

    TEST_CASE("thread source: file I/O from many threads at once keeps data and offsets apart") {
        char name[] = "/tmp/ringpool-XXXXXX";
        const int fd = mkstemp(name);
        REQUIRE(fd >= 0);
        unlink(name);
        constexpr size_t blocks = 64;
        std::vector<uint64_t> out(blocks);
        std::vector<uint64_t> in(blocks);
        std::deque<probe_request> writes;
        std::deque<probe_request> reads;
        for (size_t i = 0; i < blocks; ++i) {
            out[i] = i * 1'000'003;
            writes.emplace_back(io_op::write, fd, &out[i], 8, 0, 8 * i);
            reads.emplace_back(io_op::read, fd, &in[i], 8, 0, 8 * i);
        }
        for (std::deque<probe_request>* phase : {&writes, &reads}) {
            for (probe_request& request : *phase) {
                thread_source().arm(request);
            }
            for (probe_request& request : *phase) {
                await_end(request);
                CHECK(request.res() == 8);
            }
        }
        CHECK(in == out);
        close(fd);
    }
}
