// SPDX-License-Identifier: Apache-2.0
// The entry point of libFuzzer.
#include "tests/fuzz/api_model.hpp"

#include <cstdio>
#include <cstdlib>

namespace {

uint64_t calls = 0;

[[maybe_unused]] const int printed_at_exit = std::atexit([] {
    std::fprintf(stderr, "%llu calls of the API\n", static_cast<unsigned long long>(calls));
});

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    rp::fuzz::machine machine;
    rp::fuzz::program program(bytes, size);
    calls += machine.run(program);
    if (!machine.difference().empty()) {
        std::fprintf(stderr, "difference: %s\n", machine.difference().c_str());
        std::abort();
    }
    return 0;
}
