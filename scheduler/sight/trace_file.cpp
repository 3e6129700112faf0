// SPDX-License-Identifier: Apache-2.0
// Starting and stopping a trace, and the names in it.
#include "kernel_iface/linux/tick_clock.hpp"
#include "scheduler/engine.hpp"
#include "scheduler/sight/switches.hpp"
#include "scheduler/sight/trace.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>

namespace rp::sched::sight {

namespace {

struct session {
    std::mutex lock;
    bool is_on = false;       // guard: lock
    std::string path;         // guard: lock
    uint64_t began_ticks = 0; // guard: lock
};

session& the_session() {
    static auto* const s = new session; // never destroyed: used from exit handlers
    return *s;
}

std::string cannot_write(const std::string& path) {
    return "cannot write " + path + ": " + std::strerror(errno);
}

/// Where a file is written first: beside its place, so that there is a whole one or the old one.
/// A device or a pipe is no file to be replaced and gets the text itself.
std::string first_place(const std::string& path) {
    struct stat there {};

    const bool is_special = stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode);
    return is_special ? path : path + ".part";
}

} // namespace

std::string function_name(uint64_t address) {
    Dl_info found{};
    char offset[32];
    if (dladdr(reinterpret_cast<void*>(address), &found) == 0 || found.dli_fname == nullptr) {
        std::snprintf(offset, sizeof offset, "0x%llx", static_cast<unsigned long long>(address));
        return offset;
    }
    if (found.dli_sname != nullptr && reinterpret_cast<uint64_t>(found.dli_saddr) == address) {
        int status = -1;
        const std::unique_ptr<char, void (*)(void*)> plain(
            abi::__cxa_demangle(found.dli_sname, nullptr, nullptr, &status), &std::free);
        return plain != nullptr ? plain.get() : found.dli_sname;
    }
    const char* file = std::strrchr(found.dli_fname, '/');
    std::snprintf(
        offset,
        sizeof offset,
        "+0x%llx",
        static_cast<unsigned long long>(address - reinterpret_cast<uint64_t>(found.dli_fbase)));
    return std::string(file != nullptr ? file + 1 : found.dli_fname) + offset;
}

const char* object_kind_name(uint8_t kind) noexcept {
    // The first letters of the runtime's names for its objects.
    switch (kind) {
    case 'W':
        return "work";
    case 'T':
        return "timer";
    case 'w':
        return "wait";
    case 'S':
        return "simple";
    case 'I':
        return "io";
    default:
        return "item";
    }
}

bool write_trace(const trace_request& request, std::string& problem) {
    trace_context with;
    with.to_ns = &kernel::tick_clock::to_ns;
    with.name_of_function = &function_name;
    with.process = static_cast<uint32_t>(getpid());
    with.clock = kernel::tick_clock::source();
    with.reason = request.reason;
    with.no_switches =
        request.reason.empty() ? switches::why_unknown() : "only a trace records switches";
    const std::string text = trace_json(events::read(request.since_ticks), with);
    const std::string part = first_place(request.path);
    const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(part.c_str(), "we"),
                                                     [](FILE*) { return 0; });
    if (file == nullptr) {
        problem = cannot_write(part);
        return false;
    }
    const bool is_written = std::fwrite(text.data(), 1, text.size(), file.get()) == text.size();
    const bool is_closed = std::fclose(file.get()) == 0;
    const bool is_beside = part != request.path;
    if (is_written && is_closed &&
        (!is_beside || std::rename(part.c_str(), request.path.c_str()) == 0)) {
        return true;
    }
    problem = cannot_write(request.path);
    if (is_beside) {
        (void)std::remove(part.c_str());
    }
    return false;
}

trace_result start_trace(const std::string& path, uint32_t ring_records, std::string& problem) {
    session& s = the_session();
    const std::scoped_lock guard(s.lock);
    if (s.is_on) {
        return trace_result::already_on;
    }
    // A place that cannot be written to is found out now and not at the end.
    // Without waiting for the reader of a pipe, which may come until then.
    const std::string place = first_place(path);
    const int tried = open(place.c_str(), O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0666);
    if (tried < 0 && errno != ENXIO) {
        problem = cannot_write(place);
        return trace_result::cannot_write;
    }
    if (tried >= 0) {
        (void)close(tried);
    }
    s.path = path;
    switches::begin();
    (void)events::begin(events::reason::trace, ring_records);
    s.began_ticks = kernel::tick_clock::now();
    s.is_on = true;
    (void)engine::for_each_alive([](engine& e, void* /*unused*/) { e.note_state(); }, nullptr);
    return trace_result::done;
}

trace_result stop_trace(std::string& problem) {
    session& s = the_session();
    const std::scoped_lock guard(s.lock);
    if (!s.is_on) {
        return trace_result::not_on;
    }
    s.is_on = false;
    events::end(events::reason::trace);
    switches::end();
    trace_request request;
    request.path = s.path;
    request.since_ticks = s.began_ticks;
    return write_trace(request, problem) ? trace_result::done : trace_result::cannot_write;
}

} // namespace rp::sched::sight
