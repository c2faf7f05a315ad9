// SPDX-License-Identifier: GPL-2.0-or-later
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace LguestPlug.Emulator.Tests.Images;

/// <summary>The state in which a signal stopped a program on the host.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct HostRecord
{
    /// <summary>0 if it was not stopped by one.</summary>
    public uint Signal;

    /// <summary>In the kernel's order: EBX, ECX, EDX, ESI, EDI, EBP, EAX, DS, ES, FS, GS, a system call's number, EIP, CS, EFLAGS, ESP, SS.</summary>
    public fixed uint Registers[17];

    /// <summary>In FXSAVE's form.</summary>
    public fixed byte Fpu[512];

    /// <summary>The pages from <see cref="ImageMachine.Data"/> on.</summary>
    public fixed byte Data[(int)ImageMachine.DataBytes];
}

/// <summary>Runs programs on the host's own processor, through imagehost.c compiled on the spot.</summary>
internal static class ImageHost
{
    /// <summary>Runs them all; null and a reason where that cannot be.</summary>
    public static HostRecord[]? Run(IReadOnlyList<string> paths, out string reason)
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            reason = "the host runs no i386 programs";
            return null;
        }

        string folder = Directory.CreateTempSubdirectory("imagehost-").FullName;
        try
        {
            string program = Path.Combine(folder, "imagehost");
            (int status, byte[] messages) = Run("gcc", ["-O1", "-o", program, Path.Combine(AppContext.BaseDirectory, "Images", "imagehost.c")], [], errors: true);
            if (status != 0)
            {
                reason = "gcc failed: " + Encoding.UTF8.GetString(messages);
                return null;
            }

            (_, byte[] output) = Run(program, [], Encoding.UTF8.GetBytes(string.Join('\n', paths) + "\n"), errors: false);
            reason = "";
            HostRecord[] records = MemoryMarshal.Cast<byte, HostRecord>(output).ToArray();
            Assert.Equal(paths.Count, records.Length);
            return records;
        }
        catch (Win32Exception e)
        {
            reason = $"there is no gcc: {e.Message}";
            return null;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static (int Status, byte[] Output) Run(string program, string[] arguments, byte[] input, bool errors)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = !errors,
            RedirectStandardError = errors,
        })!;
        Task writing = Task.Run(() =>
        {
            process.StandardInput.BaseStream.Write(input);
            process.StandardInput.Close();
        });
        using MemoryStream output = new();
        (errors ? process.StandardError : process.StandardOutput).BaseStream.CopyTo(output);
        writing.Wait();
        process.WaitForExit();
        return (process.ExitCode, output.ToArray());
    }
}
