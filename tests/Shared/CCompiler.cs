// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;

namespace LguestPlug.Tests;

/// <summary>The C compiler as the judge of constants and layouts.</summary>
public static class CCompiler
{
    /// <summary>The values of C expressions, in order. The test is skipped where there is no compiler.</summary>
    /// <param name="headers">For example <c>linux/virtio_ring.h</c>.</param>
    /// <param name="expressions">Integer expressions.</param>
    public static long[] Evaluate(IEnumerable<string> headers, params string[] expressions)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("lguestplug-c");
        try
        {
            string source = Path.Combine(folder.FullName, "p.c");
            string program = Path.Combine(folder.FullName, "p");
            string text = string.Concat(headers.Append("stdio.h").Append("stddef.h").Select(h => $"#include <{h}>\n"))
                + "int main(void) {\n"
                + string.Concat(expressions.Select(e => $"  printf(\"%lld\\n\", (long long)({e}));\n"))
                + "  return 0;\n}\n";
            File.WriteAllText(source, text);
            (int code, string output) = Run("gcc", "-w", "-o", program, source);
            Assert.SkipWhen(code == NotFound, "no C compiler: layouts and constants are not compared");
            Assert.True(code == 0, output);
            (code, output) = Run(program);
            Assert.True(code == 0, output);
            return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(long.Parse)];
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Makes a program of one C source. The test is skipped where there is no compiler.</summary>
    public static void Build(string source, string program)
    {
        (int code, string output) = Run("gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-o", program, source);
        Assert.SkipWhen(code == NotFound, $"no C compiler for {Path.GetFileName(source)}");
        Assert.True(code == 0, output);
    }

    private const int NotFound = -1;

    private static (int Code, string Output) Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            using Process process = Process.Start(start)!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output + errors.Result);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return (NotFound, "");
        }
    }
}
