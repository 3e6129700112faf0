// SPDX-License-Identifier: Apache-2.0
// Finds out what io_uring can do here by trying it, best first.
#include "kernel_iface/linux/ring_caps.hpp"

#include "kernel_iface/linux/uapi.hpp"

#include <liburing.h>

#include <sys/utsname.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>

namespace rp::kernel {

namespace {

struct named_cap {
    std::string_view name;
    bool ring_caps::*value;
};

constexpr std::array<named_cap, 7> named_caps{{
    {"ring", &ring_caps::ring},
    {"defer_taskrun", &ring_caps::defer_taskrun},
    {"taskrun_flag", &ring_caps::taskrun_flag},
    {"coop_taskrun", &ring_caps::coop_taskrun},
    {"futex", &ring_caps::futex},
    {"ext_arg", &ring_caps::ext_arg},
    {"async_cancel", &ring_caps::async_cancel},
}};

std::string kernel_release() {
    utsname names{};
    return uname(&names) == 0 ? names.release : "unknown";
}

std::string explain(int error) {
    std::ifstream file("/proc/sys/kernel/io_uring_disabled");
    int sysctl = 0;
    if (file >> sysctl && error == -EPERM && sysctl != 0) {
        return sysctl == 1
                   ? "io_uring is reserved for CAP_SYS_ADMIN and the group in "
                     "kernel.io_uring_group (kernel.io_uring_disabled=1); join that group or "
                     "run: sysctl -w kernel.io_uring_disabled=0"
                   : "io_uring is switched off (kernel.io_uring_disabled=2); run: sysctl -w "
                     "kernel.io_uring_disabled=0";
    }
    switch (error) {
    case -EPERM:
        return "io_uring_setup is forbidden (EPERM), most likely by the seccomp profile of this "
               "container; allow io_uring_setup, io_uring_enter and io_uring_register there";
    case -ENOSYS:
        return "io_uring_setup does not exist (ENOSYS) on kernel " + kernel_release() +
               ": older than 5.1, built without CONFIG_IO_URING, or hidden by seccomp; use kernel "
               "5.6 "
               "or newer, 6.7 for everything";
    case -ENOMEM:
        return "io_uring_setup found no memory (ENOMEM), most likely because locked memory is "
               "limited; raise ulimit -l";
    case -EMFILE:
    case -ENFILE:
        return "io_uring_setup found no free descriptor; raise ulimit -n";
    default:
        return std::string("io_uring_setup failed: ") + std::strerror(-error);
    }
}

int open_ring(io_uring& uring, unsigned flags) {
    io_uring_params params{};
    params.flags = flags;
    return io_uring_queue_init_params(4, &uring, &params);
}

/// Fills in what depends on opcodes and feature bits of a ring that could be made.
void probe_features(io_uring& uring, ring_caps& caps) {
    constexpr unsigned ops = 256;
    const size_t bytes = sizeof(io_uring_probe) + ops * sizeof(io_uring_probe_op);
    const std::unique_ptr<io_uring_probe, void (*)(void*)> probe(
        static_cast<io_uring_probe*>(std::calloc(1, bytes)), std::free);
    if (probe == nullptr || io_uring_register_probe(&uring, probe.get(), ops) < 0) {
        caps.ring = false;
        caps.setup_error = -ENOSYS;
        caps.cause = "kernel " + kernel_release() +
                     " is too old for us (no opcode probe); 5.6 is the "
                     "oldest that works";
        return;
    }
    const auto has = [&](int op) { return io_uring_opcode_supported(probe.get(), op) != 0; };
    const bool has_all_needed =
        has(IORING_OP_READ) && has(IORING_OP_WRITE) && has(IORING_OP_RECV) && has(IORING_OP_SEND) &&
        has(IORING_OP_ACCEPT) && has(IORING_OP_CONNECT) && has(IORING_OP_POLL_ADD) &&
        has(IORING_OP_FSYNC) && has(IORING_OP_NOP);
    if (!has_all_needed || (uring.features & IORING_FEAT_NODROP) == 0) {
        caps.ring = false;
        caps.setup_error = -ENOSYS;
        caps.cause = "io_uring of kernel " + kernel_release() +
                     " lacks operations we need; 5.6 is the oldest that works";
        return;
    }
    caps.async_cancel = has(IORING_OP_ASYNC_CANCEL);
    caps.futex = has(uapi::op_futex_wait);
    caps.ext_arg = (uring.features & IORING_FEAT_EXT_ARG) != 0;
}

ring_caps probe() {
    ring_caps tried[3];
    tried[0].defer_taskrun = tried[0].taskrun_flag = true;
    tried[1].coop_taskrun = tried[1].taskrun_flag = true;
    ring_caps refused;
    for (ring_caps& caps : tried) {
        io_uring uring{};
        const int error = open_ring(uring, ring_setup_flags(caps));
        if (error == 0) {
            caps.ring = true;
            // Known to every kernel that knows DEFER_TASKRUN; wanted when that is switched off.
            caps.coop_taskrun = caps.coop_taskrun || caps.defer_taskrun;
            probe_features(uring, caps);
            io_uring_queue_exit(&uring);
            return caps;
        }
        refused.setup_error = error;
        if (error != -EINVAL) {
            break;
        }
    }
    refused.cause = explain(refused.setup_error);
    return refused;
}

} // namespace

unsigned ring_setup_flags(const ring_caps& caps) noexcept {
    unsigned flags = IORING_SETUP_CLAMP;
    if (caps.defer_taskrun) {
        flags |= IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL;
    } else if (caps.coop_taskrun) {
        flags |= IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL;
    }
    // TASKRUN_FLAG is refused on a ring that runs its task work by interrupt.
    if (caps.taskrun_flag && (caps.defer_taskrun || caps.coop_taskrun)) {
        flags |= IORING_SETUP_TASKRUN_FLAG;
    }
    return flags;
}

std::string ring_caps::describe() const {
    std::string text;
    for (const named_cap& cap : named_caps) {
        if (this->*cap.value) {
            text += text.empty() ? "" : ",";
            text += cap.name;
        }
    }
    return text.empty() ? "none" : text;
}

std::string remove_ring_caps(ring_caps& caps, std::string_view list) {
    std::string unknown;
    std::istringstream stream{std::string(list)};
    for (std::string word; std::getline(stream, word, ',');) {
        bool is_known = word.empty();
        for (const named_cap& cap : named_caps) {
            if (!word.empty() && word[0] == '-' && word.substr(1) == cap.name) {
                caps.*cap.value = false;
                is_known = true;
            }
        }
        if (!is_known) {
            unknown += (unknown.empty() ? "" : " ") + word;
        }
    }
    if (!caps.defer_taskrun && !caps.coop_taskrun) {
        caps.taskrun_flag = false;
    }
    if (!caps.ring) {
        const int error = caps.setup_error;
        const std::string cause = caps.cause;
        caps = ring_caps{};
        caps.setup_error = error != 0 ? error : -ENOSYS;
        caps.cause = cause.empty() ? "io_uring is switched off by RINGPOOL_RING_CAPS" : cause;
    }
    if (unknown.empty()) {
        return "";
    }
    std::string complaint = "RINGPOOL_RING_CAPS does not know: " + unknown + "; it knows:";
    for (const named_cap& cap : named_caps) {
        complaint += " -" + std::string(cap.name);
    }
    return complaint;
}

const ring_caps& probed_ring_caps() {
    static const ring_caps probed = [] {
        ring_caps caps = probe();
        if (const char* list = std::getenv("RINGPOOL_RING_CAPS"); list != nullptr) {
            const std::string complaint = remove_ring_caps(caps, list);
            if (!complaint.empty()) {
                std::fprintf(stderr, "ringpool: %s\n", complaint.c_str());
            }
        }
        return caps;
    }();
    return probed;
}

} // namespace rp::kernel
