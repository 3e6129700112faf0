// SPDX-License-Identifier: Apache-2.0
// The entry point of libFuzzer.
#include "tests/fuzz/api_model.hpp"

#include <cstdio>
#include <cstdlib>

namespace {

uint64_t calls = 0;

void count_calls(uint64_t more) {
    constexpr uint64_t million = 1'000'000;
    if ((calls + more) / million != calls / million) {
        std::fprintf(stderr,
                     "%llu million calls\n",
                     static_cast<unsigned long long>((calls + more) / million));
    }
    calls += more;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    rp::fuzz::machine machine;
    rp::fuzz::program program(bytes, size);
    count_calls(machine.run(program));
    if (!machine.difference().empty()) {
        std::fprintf(stderr, "difference: %s\n", machine.difference().c_str());
        std::abort();
    }
    return 0;
}
