// SPDX-License-Identifier: Apache-2.0
#include "kernel_iface/linux/thread.hpp"

#include "kernel_iface/linux/fatal.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>

namespace rp::kernel {

namespace {

// --- identity ----------------------------------------------------------------------------------

[[gnu::tls_model("initial-exec")]] thread_local pid_t cached_thread_id = 0;

// Only the forking thread lives on in the child, so only its cache needs forgetting.
[[maybe_unused]] const int fork_hook =
    pthread_atfork(nullptr, nullptr, [] { cached_thread_id = 0; });

// --- starting ----------------------------------------------------------------------------------

struct start_block {
    void (*entry)(void*);
    void* argument;
    int keep_signal;
    bool may_exit_early;
    std::array<char, 16> name;
};

/// Everything but the signals a thread raises by its own instruction: blocking those would turn a
/// program's fault handler (or a sanitizer's report) into a silent kill.
sigset_t signals_to_block() noexcept {
    sigset_t set;
    sigfillset(&set);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) {
        sigdelset(&set, fault);
    }
    return set;
}

[[gnu::tls_model("initial-exec")]] thread_local jmp_buf* early_exit = nullptr;

/// The frame that exit_thread() comes back to. It has no variable that could have changed since.
[[gnu::noinline]] void enter_with_early_exit(void (*entry)(void*), void* argument) {
    jmp_buf here;
    if (_setjmp(here) == 0) {
        early_exit = &here;
        entry(argument);
    }
    early_exit = nullptr;
}

void* thread_main(void* raw) {
    std::unique_ptr<start_block> owned(static_cast<start_block*>(raw));
    const start_block block = *owned;
    owned.reset();
    if (block.name[0] != '\0') {
        prctl(PR_SET_NAME, block.name.data(), 0, 0, 0);
    }
    if (block.keep_signal != 0) {
        sigset_t kept;
        sigemptyset(&kept);
        sigaddset(&kept, block.keep_signal);
        pthread_sigmask(SIG_UNBLOCK, &kept, nullptr);
    }
    if (block.may_exit_early) {
        enter_with_early_exit(block.entry, block.argument);
    } else {
        block.entry(block.argument);
    }
    return nullptr;
}

size_t usable_stack_bytes(size_t wanted_bytes) noexcept {
    const long floor = sysconf(_SC_THREAD_STACK_MIN);
    const auto floor_bytes = floor > 0 ? static_cast<size_t>(floor) : size_t{16384};
    const auto page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t bytes = wanted_bytes < floor_bytes ? floor_bytes : wanted_bytes;
    return (bytes + page_bytes - 1) / page_bytes * page_bytes;
}

int create_detached(size_t stack_bytes, start_block* block) noexcept {
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);
    if (error != 0) {
        return error;
    }
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (stack_bytes != 0) {
        error = pthread_attr_setstacksize(&attributes, stack_bytes);
    }
    if (error == 0) {
        pthread_t ignored;
        error = pthread_create(&ignored, &attributes, thread_main, block);
    }
    pthread_attr_destroy(&attributes);
    return error;
}

// --- exit hooks --------------------------------------------------------------------------------

struct exit_hook {
    void (*run)(void*);
    void* argument;
    exit_hook* next;
};

pthread_key_t exit_key() noexcept {
    // pthread clears the value before it calls us; a hook that registers another one sets it
    // again, and pthread comes back for it.
    static const pthread_key_t key = [] {
        pthread_key_t made{};
        const int error = pthread_key_create(&made, [](void* head) {
            for (auto* hook = static_cast<exit_hook*>(head); hook != nullptr;) {
                const std::unique_ptr<exit_hook> owned(hook);
                hook = hook->next;
                owned->run(owned->argument);
            }
        });
        if (error != 0) {
            fatal("pthread_key_create for thread exit hooks", error);
        }
        return made;
    }();
    return key;
}

} // namespace

pid_t thread_id() noexcept {
    if (cached_thread_id == 0) {
        cached_thread_id = static_cast<pid_t>(syscall(SYS_gettid));
    }
    return cached_thread_id;
}

int start_thread(const thread_options& options, void (*entry)(void*), void* argument) noexcept {
    std::unique_ptr<start_block> block(new (std::nothrow) start_block{});
    if (block == nullptr) {
        return -ENOMEM;
    }
    block->entry = entry;
    block->argument = argument;
    block->keep_signal = options.keep_signal;
    block->may_exit_early = options.may_exit_early;
    if (options.name != nullptr) {
        std::strncpy(block->name.data(), options.name, block->name.size() - 1);
    }
    // The mask is inherited at creation, so no signal can slip in before thread_main sets it.
    const sigset_t blocked = signals_to_block();
    sigset_t previous;
    pthread_sigmask(SIG_SETMASK, options.inherits_signals ? nullptr : &blocked, &previous);
    size_t stack_bytes = options.stack_bytes == 0 ? 0 : usable_stack_bytes(options.stack_bytes);
    int error = create_detached(stack_bytes, block.get());
    // Static TLS is carved out of the stack and is not part of the announced minimum.
    constexpr size_t largest_static_tls_bytes = size_t{1} << 20;
    while (error == EINVAL && stack_bytes != 0 && stack_bytes < largest_static_tls_bytes) {
        stack_bytes *= 2;
        error = create_detached(stack_bytes, block.get());
    }
    pthread_sigmask(SIG_SETMASK, &previous, nullptr);
    if (error != 0) {
        return -error;
    }
    static_cast<void>(block.release()); // the thread owns it now
    return 0;
}

void exit_thread() {
    if (early_exit != nullptr) {
        _longjmp(*early_exit, 1);
    }
    pthread_exit(nullptr);
}

bool yield_thread() noexcept {
    // A switch at our own wish to a thread that was ready counts as involuntary.
    rusage before{};
    rusage after{};
    getrusage(RUSAGE_THREAD, &before);
    sched_yield();
    getrusage(RUSAGE_THREAD, &after);
    return before.ru_nivcsw != after.ru_nivcsw || before.ru_nvcsw != after.ru_nvcsw;
}

size_t default_stack_bytes() noexcept {
    pthread_attr_t attributes;
    size_t bytes = 0;
    if (pthread_attr_init(&attributes) != 0) {
        return 0;
    }
    pthread_attr_getstacksize(&attributes, &bytes);
    pthread_attr_destroy(&attributes);
    return bytes;
}

int signal_thread(pid_t tid, int signal) noexcept {
    const int saved_errno = errno;
    const int error = syscall(SYS_tgkill, getpid(), tid, signal) == 0 ? 0 : -errno;
    errno = saved_errno;
    return error;
}

void keep_thread_on(const std::vector<int>& cpus) noexcept {
    constexpr int cpus_max = 8192;
    cpu_set_t* set = CPU_ALLOC(cpus_max);
    if (set == nullptr) {
        return;
    }
    const size_t bytes = CPU_ALLOC_SIZE(cpus_max);
    CPU_ZERO_S(bytes, set);
    for (const int cpu : cpus) {
        CPU_SET_S(static_cast<size_t>(cpu), bytes, set);
    }
    (void)sched_setaffinity(0, bytes, set);
    CPU_FREE(set);
}

char thread_state(pid_t tid) noexcept {
    const int saved_errno = errno;
    std::array<char, 64> path{};
    std::snprintf(path.data(), path.size(), "/proc/self/task/%d/stat", static_cast<int>(tid));
    std::array<char, 256> line{};
    const int fd = open(path.data(), O_RDONLY | O_CLOEXEC);
    ssize_t bytes = -1;
    if (fd >= 0) {
        bytes = read(fd, line.data(), line.size() - 1);
        close(fd);
    }
    errno = saved_errno;
    if (bytes <= 0) {
        return 0;
    }
    // "tid (name) S ...": the name may itself contain parentheses and spaces.
    const char* name_end = std::strrchr(line.data(), ')');
    return name_end != nullptr && name_end[1] == ' ' ? name_end[2] : '\0';
}

namespace {

/// The number after `key` in the text of a status file.
bool number_after(const char* text, const char* key, uint64_t& out) noexcept {
    const char* at = std::strstr(text, key);
    if (at == nullptr) {
        return false;
    }
    at += std::strlen(key);
    while (*at == ' ' || *at == '\t') {
        ++at;
    }
    if (*at < '0' || *at > '9') {
        return false;
    }
    for (out = 0; *at >= '0' && *at <= '9'; ++at) {
        out = out * 10 + static_cast<uint64_t>(*at - '0');
    }
    return true;
}

} // namespace

bool switches_of(pid_t tid, thread_switches& out) noexcept {
    if (tid == thread_id()) {
        rusage usage{};
        getrusage(RUSAGE_THREAD, &usage);
        out.voluntary = static_cast<uint64_t>(usage.ru_nvcsw);
        out.by_force = static_cast<uint64_t>(usage.ru_nivcsw);
        return true;
    }
    const int saved_errno = errno;
    std::array<char, 64> path{};
    std::snprintf(path.data(), path.size(), "/proc/self/task/%d/status", static_cast<int>(tid));
    std::array<char, 4096> text{};
    const int fd = open(path.data(), O_RDONLY | O_CLOEXEC);
    ssize_t bytes = -1;
    if (fd >= 0) {
        bytes = read(fd, text.data(), text.size() - 1);
        close(fd);
    }
    errno = saved_errno;
    return bytes > 0 && number_after(text.data(), "\nvoluntary_ctxt_switches:", out.voluntary) &&
           number_after(text.data(), "\nnonvoluntary_ctxt_switches:", out.by_force);
}

int at_thread_exit(void (*hook)(void*), void* argument) noexcept {
    const pthread_key_t key = exit_key();
    auto* made = new (std::nothrow)
        exit_hook{hook, argument, static_cast<exit_hook*>(pthread_getspecific(key))};
    if (made == nullptr) {
        return -ENOMEM;
    }
    const int error = pthread_setspecific(key, made);
    if (error != 0) {
        delete made;
    }
    return -error;
}

} // namespace rp::kernel
