// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;
using LguestPlug.Emulator.Tests.HostComparison.Generators;

namespace LguestPlug.Emulator.Tests.HostComparison;

/// <summary>The generators leave out no instruction form.</summary>
public class CoverageTests
{
    [Fact]
    public void EveryFormIsGenerated()
    {
        HashSet<Code> generated = [];
        foreach (CpuCase test in CaseCatalog.All())
        {
            // The code is what is put into memory last.
            ByteArrayCodeReader reader = new(test.Patches[^1].Bytes);
            Decoder decoder = Decoder.Create(32, reader, test.Eip);
            while (reader.CanReadByte)
            {
                generated.Add(decoder.Decode().Code);
            }
        }

        Code[] missing = [.. InstructionForms.All.Where(code => !IncomparableForms.Contains(code) && !generated.Contains(code))];
        Assert.Empty(missing);
    }
}
