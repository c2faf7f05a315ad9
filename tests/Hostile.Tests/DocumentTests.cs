// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace LguestPlug.Hostile.Tests;

/// <summary>docs/hostile-drivers.md says what is done here.</summary>
public partial class DocumentTests
{
    private static readonly string s_root = Root();
    private static readonly string s_document = File.ReadAllText(Path.Combine(s_root, "docs/hostile-drivers.md"));

    [Fact]
    public void ItsTableOfVerdictsIsThatOfTheSuite() => AssertHas(Catalogue.Counts());

    [Fact]
    public void ItsListOfCasesIsThatOfTheSuite() => AssertHas(Catalogue.Names());

    /// <summary>What the checklist says covers a case is there: a case of ours, or a test method.</summary>
    [Fact]
    public void WhatItsChecklistNamesIsThere()
    {
        HashSet<string> cases = [.. Catalogue.All.Select(c => c.Case)];
        string checklist = s_document[s_document.IndexOf("\n## The checklist", StringComparison.Ordinal)..];
        List<string> names = [.. Quoted().Matches(checklist).Select(m => m.Groups[1].Value).Distinct()];
        Assert.NotEmpty(names);
        string sources = string.Concat(Directory.GetFiles(Path.Combine(s_root, "tests"), "*Tests.cs", SearchOption.AllDirectories).Select(File.ReadAllText));
        Assert.All(names, name => Assert.True(cases.Contains(name) || (name.Split('.') is [var type, var method] && sources.Contains($"class {type}", StringComparison.Ordinal) && sources.Contains($" {method}(", StringComparison.Ordinal)), $"there is no '{name}'"));
    }

    /// <summary>Names of the same thing twice would hide that one of them is missing.</summary>
    [Fact]
    public void EveryCaseHasANameOfItsOwn() => Assert.All(
        Catalogue.All.GroupBy(c => (c.Subject, c.Case)), same => Assert.True(same.Count() == 1, $"{same.Key} is there {same.Count()} times"));

    private static void AssertHas(string text) =>
        Assert.True(s_document.Contains(text, StringComparison.Ordinal), $"docs/hostile-drivers.md has to say:\n{text}");

    private static string Root([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../.."));

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quoted();
}
