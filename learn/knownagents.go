package learn

import "strings"

// KnownAgentsVersion names the list below. It is part of a loop's learning key: a changed list must have another.
const KnownAgentsVersion = "2026-11"

// A mail client or a browser that a person holds is never on the list. Nor are the image proxies of Gmail
// (GoogleImageProxy) and Yahoo (YahooMailProxy), which fetch when a person opens, nor Outlook's ms-office.
//
// bareAgents are whole user agents. Apple's Mail Privacy Protection fetches every image soon after delivery, whether
// anyone opens the mail or not, and calls itself Mozilla/5.0 and no more; browsers say what they are.
var bareAgents = [...]string{"mozilla/5.0", "mozilla/4.0", "mozilla"}

// scanners are parts of the names of what follows links and fetches images by itself: mail security gateways where they
// say who they are, previews of links in chats, crawlers, programs' HTTP libraries. Most gateways pass for browsers: those
// are known by the time and the network alone.
var scanners = [...]string{
	// Mail security and link checkers.
	"barracuda", "bingpreview", "cloudmark", "cyren", "fireeye", "forcepoint", "ironport", "messagelabs", "mimecast",
	"proofpoint", "safelinks", "sophos", "symantec", "trendmicro", "urldefense", "virustotal",
	"microsoft office existence discovery",
	// Previews of links.
	"facebookexternalhit", "skypeuripreview", "slack-imgproxy", "whatsapp/", "google web preview", "embedly",
	// Crawlers, beside those that call themselves a bot.
	"crawler", "spider", "slurp", "headlesschrome", "phantomjs", "pingdom", "uptimerobot",
	// Libraries.
	"aiohttp/", "apache-httpclient", "axios/", "curl/", "go-http-client", "java/", "libwww-perl", "node-fetch",
	"python-requests", "python-urllib", "scrapy", "wget/",
}

// knownAgent reports whether a user agent is one of a machine that acts by itself.
func knownAgent(agent string) bool {
	agent = strings.ToLower(strings.TrimSpace(agent))
	for _, bare := range bareAgents {
		if agent == bare {
			return true
		}
	}
	for _, name := range scanners {
		if strings.Contains(agent, name) {
			return true
		}
	}
	return saysBot(agent)
}

// saysBot looks for words that end in 'bot', as in Googlebot/2.1. Cubot makes telephones.
func saysBot(agent string) bool {
	notLetter := func(r rune) bool { return r < 'a' || r > 'z' }
	for _, word := range strings.FieldsFunc(agent, notLetter) {
		if (strings.HasSuffix(word, "bot") || strings.HasSuffix(word, "bots")) && word != "cubot" {
			return true
		}
	}
	return false
}
