// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace LguestPlug.Host.Privileges;

/// <summary>
/// Makes system calls on every thread of the process, those of the runtime included. Capabilities, no_new_privs and Landlock belong to a
/// thread; a thread gets its creator's, but the runtime has several before any code of ours runs.
/// </summary>
/// <remarks>
/// Each thread is sent a signal whose handler makes the calls and reports: what the C library does to change user ids. The handler
/// is machine code of our own, since no managed code may run in a signal handler. A thread made meanwhile by one that has not had its
/// turn is met in the next look at the list of threads; there is an end to it, since all that are made by others have inherited.
/// </remarks>
internal sealed unsafe partial class AllThreads : IDisposable
{
    // A real-time signal far from those of glibc (32, 33) and of the runtime (the first free one), and not ThreadInterrupter's.
    private const int Signal = 57;
    private const nint Ignore = 1;
    private const int PageSize = 4096;
    private const int MostReports = 8192;
    private const int Eintr = 4;
    private const int Esrch = 3;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly SafeFileHandle _list;

    /// <summary>Takes hold of the list of threads: later it may be out of reach.</summary>
    /// <exception cref="HostException">There is none.</exception>
    public AllThreads()
    {
        const int Directory = 0x10000, CloseOnExec = 0x80000;
        var descriptor = open("/proc/self/task", Directory | CloseOnExec);
        if (descriptor < 0)
            throw new HostException($"cannot list this process's threads in /proc/self/task: {Marshal.GetLastPInvokeErrorMessage()}");
        _list = new SafeFileHandle(descriptor, ownsHandle: true);
    }

    /// <summary>Whether there is a handler for this processor. Elsewhere calls are made on the calling thread only, and so for those it starts.</summary>
    public static bool IsSupported => RuntimeInformation.ProcessArchitecture == Architecture.X64;

    public void Dispose() => _list.Dispose();

    /// <summary>Makes the calls, in this order, on every thread. One thread may make them twice.</summary>
    /// <exception cref="HostException">A required one failed, or a thread does not take the signal.</exception>
    public void Make(params IReadOnlyList<SystemCall> calls)
    {
        if (!IsSupported)
        {
            foreach (var call in calls)
            {
                if (call.Make() is < 0 and var failure && call.IsRequired)
                    throw Failed(call, (int)-failure);
            }
            return;
        }

        // Never unmapped: a thread may still be on its way out of the handler when it has reported.
        var page = Map(PageSize, Read | Write);
        // The control block, the calls, the reports.
        var length = sizeof(Control) + (calls.Count * sizeof(Entry)) + (MostReports * sizeof(Report));
        var control = (Control*)Map((nuint)length, Read | Write);
        var entries = (Entry*)(control + 1);
        for (var i = 0; i < calls.Count; i++)
        {
            var call = calls[i];
            entries[i] = new() { Number = call.Number, First = call.First, Second = call.Second, Third = call.Third, IsRequired = call.IsRequired ? 1 : 0 };
        }
        var reports = (Report*)(entries + calls.Count);
        *control = new() { MostReports = MostReports, EntryCount = calls.Count, Entries = entries, Reports = reports };
        HandlerFor(control).CopyTo(new Span<byte>((void*)page, PageSize));
        if (mprotect(page, PageSize, Read | Execute) != 0)
            throw new HostException($"cannot make the code that gives up rights: {Marshal.GetLastPInvokeErrorMessage()}");

        signal(Signal, page);
        try
        {
            SignalAll(control, reports);
        }
        finally
        {
            signal(Signal, Ignore);
        }
        var failed = new Span<Report>(reports, Math.Min(control->Reported, MostReports)).ToArray().FirstOrDefault(r => r.Failure != 0).Failure;
        if (failed != 0)
            throw Failed(calls[^(failed >> 16)], failed & 0xffff);
    }

    private void SignalAll(Control* control, Report* reports)
    {
        var process = Environment.ProcessId;
        var done = new HashSet<int>();
        while (true)
        {
            var left = List().Where(thread => !done.Contains(thread)).ToList();
            if (left.Count == 0)
                return;
            foreach (var thread in left)
                _ = SystemCall.Make(SystemCall.SignalThread, process, thread, Signal);
            var clock = Stopwatch.StartNew();
            foreach (var thread in left)
            {
                while (!HasReported(control, reports, thread))
                {
                    // Signal 0 only asks whether it is there.
                    if (SystemCall.Make(SystemCall.SignalThread, process, thread, 0) < 0 && Marshal.GetLastPInvokeError() == Esrch)
                        break;
                    if (clock.Elapsed > s_patience)
                        throw new HostException($"a thread ({NameOf(thread)}) blocks signal {Signal}, by which it should give up its rights; --sandbox off leaves them");
                    Thread.Sleep(0);
                }
                done.Add(thread);
            }
        }
    }

    private static bool HasReported(Control* control, Report* reports, int thread)
    {
        var count = Math.Min(Volatile.Read(ref control->Reported), MostReports);
        for (var i = 0; i < count; i++)
        {
            if (Volatile.Read(ref reports[i].Thread) == thread)
                return true;
        }
        return false;
    }

    private List<int> List()
    {
        const int NumberLength = 8, OffsetLength = 8, NameAt = NumberLength + OffsetLength + 3;
        var threads = new List<int>();
        var buffer = stackalloc byte[4096];
        _ = lseek(_list, 0, 0);
        while (true)
        {
            var count = SystemCall.Make(SystemCall.ReadDirectory, _list.DangerousGetHandle(), (nint)buffer, 4096);
            if (count < 0 && Marshal.GetLastPInvokeError() == Eintr)
                continue;
            if (count < 0)
                throw new HostException($"cannot list this process's threads: {Marshal.GetLastPInvokeErrorMessage()}");
            if (count == 0)
                return threads;
            // struct linux_dirent64: its length behind two words of 8 bytes, one byte of kind, the name.
            for (var left = new ReadOnlySpan<byte>(buffer, (int)count); left.Length > 0;)
            {
                var length = BinaryPrimitives.ReadUInt16LittleEndian(left[(NumberLength + OffsetLength)..]);
                var name = left[NameAt..length];
                if (int.TryParse(name[..name.IndexOf((byte)0)], out var thread))
                    threads.Add(thread);
                left = left[length..];
            }
        }
    }

    private static string NameOf(int thread)
    {
        try
        {
            return File.ReadAllText($"/proc/self/task/{thread}/comm", Encoding.UTF8).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return thread.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    private static HostException Failed(SystemCall call, int error) =>
        new($"cannot give up rights ({call.Name}): {Marshal.GetPInvokeErrorMessage(error)}; --sandbox off leaves them");

    /// <summary>The signal handler, for x86-64. It knows no thread and no library: it makes the calls and writes down what came of them.</summary>
    private static byte[] HandlerFor(Control* control) =>
    [
        0x53,                                                           // push rbx
        0x41, 0x54,                                                     // push r12
        0x41, 0x55,                                                     // push r13
        0x41, 0x56,                                                     // push r14
        0x48, 0xbb, .. BitConverter.GetBytes((long)control),            // mov rbx, control
        0x45, 0x31, 0xe4,                                               // xor r12d, r12d           what failed
        0x4c, 0x8b, 0x6b, 0x08,                                         // mov r13, [rbx+8]         calls left
        0x4c, 0x8b, 0x73, 0x10,                                         // mov r14, [rbx+16]        the next one
        // 28:
        0x4d, 0x85, 0xed,                                               // test r13, r13
        0x74, 0x3b,                                                     // jz 92
        0x49, 0x8b, 0x06,                                               // mov rax, [r14]
        0x49, 0x8b, 0x7e, 0x08,                                         // mov rdi, [r14+8]
        0x49, 0x8b, 0x76, 0x10,                                         // mov rsi, [r14+16]
        0x49, 0x8b, 0x56, 0x18,                                         // mov rdx, [r14+24]
        0x4d, 0x31, 0xd2,                                               // xor r10, r10
        0x4d, 0x31, 0xc0,                                               // xor r8, r8
        0x0f, 0x05,                                                     // syscall
        0x48, 0x85, 0xc0,                                               // test rax, rax
        0x79, 0x16,                                                     // jns 83
        0x49, 0x83, 0x7e, 0x20, 0x00,                                   // cmp qword [r14+32], 0    required?
        0x74, 0x0f,                                                     // je 83
        0x4d, 0x85, 0xe4,                                               // test r12, r12            the first failure is told
        0x75, 0x0a,                                                     // jnz 83
        0x4d, 0x89, 0xec,                                               // mov r12, r13
        0x49, 0xc1, 0xe4, 0x10,                                         // shl r12, 16
        0x49, 0x29, 0xc4,                                               // sub r12, rax
        // 83:
        0x49, 0x83, 0xc6, 0x28,                                         // add r14, 40
        0x49, 0xff, 0xcd,                                               // dec r13
        0xeb, 0xc0,                                                     // jmp 28
        // 92:
        0xb8, .. BitConverter.GetBytes(SystemCall.ThreadId),            // mov eax, gettid
        0x0f, 0x05,                                                     // syscall
        0xba, 0x01, 0x00, 0x00, 0x00,                                   // mov edx, 1
        0xf0, 0x0f, 0xc1, 0x13,                                         // lock xadd [rbx], edx
        0x3b, 0x53, 0x04,                                               // cmp edx, [rbx+4]         room for the report?
        0x73, 0x0c,                                                     // jae 125
        0x48, 0x8b, 0x4b, 0x18,                                         // mov rcx, [rbx+24]
        0x44, 0x89, 0x64, 0xd1, 0x04,                                   // mov [rcx+rdx*8+4], r12d
        0x89, 0x04, 0xd1,                                               // mov [rcx+rdx*8], eax     last: it says that the report is whole
        // 125:
        0x41, 0x5e,                                                     // pop r14
        0x41, 0x5d,                                                     // pop r13
        0x41, 0x5c,                                                     // pop r12
        0x5b,                                                           // pop rbx
        0xc3,                                                           // ret
    ];

    private static nint Map(nuint length, int protection)
    {
        const int Private = 2, Anonymous = 0x20;
        var address = mmap(0, length, protection, Private | Anonymous, -1, 0);
        return address != -1 ? address : throw new HostException($"cannot map {length} bytes: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    private const int Read = 1, Write = 2, Execute = 4;

    /// <summary>What the handler works from.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Control
    {
        public int Reported;
        public int MostReports;
        public long EntryCount;
        public Entry* Entries;
        public Report* Reports;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Entry
    {
        public long Number;
        public nint First;
        public nint Second;
        public nint Third;
        public long IsRequired;
    }

    /// <summary>A thread that has made its calls; the failure is 0, or how many calls were left, 65536 times, and an error number.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Report
    {
        public int Thread;
        public int Failure;
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial long lseek(SafeFileHandle file, long offset, int whence);

    [LibraryImport("libc")]
    private static partial nint signal(int signal, nint handler);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint mmap(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int mprotect(nint address, nuint length, int protection);
}
