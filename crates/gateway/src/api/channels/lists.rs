//! What searches of the directory can be asked for: orders, countries, fields. Fixed lists, as in WAHA.
//!
//! WAHA's document names the view `RECOMMENDED` ("Explore") and some of the fields; the other views and fields are those that
//! WhatsApp's apps show. Countries have the codes of ISO 3166. WhatsApp may know more of each, so searches take others too.

use axum::Json;
use axum::extract::{Path, State};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use wakeeper_waha::{ChannelCategory, ChannelCountry, ChannelView};

use crate::api::document::Failures;
use crate::api::error::ApiError;
use crate::api::state::Api;

/// The routes of this part of the resource.
pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(views)).routes(routes!(countries)).routes(routes!(categories))
}

/// Orders of the directory.
const VIEWS: [(&str, &str); 4] =
    [("RECOMMENDED", "Explore"), ("TRENDING", "Trending"), ("POPULAR", "Popular"), ("NEW", "New")];

/// Fields that channels belong to.
const CATEGORIES: [(&str, &str); 7] = [
    ("BUSINESS", "Business"),
    ("ENTERTAINMENT", "Entertainment"),
    ("LIFESTYLE", "Lifestyle"),
    ("NEWS", "News & Information"),
    ("ORGANIZATIONS", "Organizations"),
    ("PEOPLE", "People"),
    ("SPORTS", "Sports"),
];

/// Codes and names, in the order of the names.
const COUNTRIES: &str = "AF Afghanistan;AL Albania;DZ Algeria;AS American Samoa;AD Andorra;AO Angola;AI Anguilla;AQ Antarctica;\
    AG Antigua and Barbuda;AR Argentina;AM Armenia;AW Aruba;AU Australia;AT Austria;AZ Azerbaijan;BS Bahamas;\
    BH Bahrain;BD Bangladesh;BB Barbados;BY Belarus;BE Belgium;BZ Belize;BJ Benin;BM Bermuda;BT Bhutan;\
    BO Bolivia;BA Bosnia and Herzegovina;BW Botswana;BV Bouvet Island;BR Brazil;\
    IO British Indian Ocean Territory;VG British Virgin Islands;BN Brunei;BG Bulgaria;BF Burkina Faso;\
    BI Burundi;KH Cambodia;CM Cameroon;CA Canada;CV Cape Verde;BQ Caribbean NL;KY Cayman Islands;\
    CF Central African Rep.;TD Chad;CL Chile;CN China;CX Christmas Island;CC Cocos (Keeling) Islands;\
    CO Colombia;KM Comoros;CK Cook Islands;CR Costa Rica;HR Croatia;CU Cuba;CW Curaçao;CY Cyprus;\
    CZ Czech Republic;CI Côte d'Ivoire;CD Democratic Republic of the Congo;DK Denmark;DJ Djibouti;\
    DM Dominica;DO Dominican Republic;TL East Timor;EC Ecuador;EG Egypt;SV El Salvador;GQ Equatorial Guinea;\
    ER Eritrea;EE Estonia;SZ Eswatini (Swaziland);ET Ethiopia;FK Falkland Islands;FO Faroe Islands;FJ Fiji;\
    FI Finland;FR France;GF French Guiana;PF French Polynesia;TF French S. Terr.;GA Gabon;GM Gambia;\
    GE Georgia;DE Germany;GH Ghana;GI Gibraltar;GR Greece;GL Greenland;GD Grenada;GP Guadeloupe;GU Guam;\
    GT Guatemala;GG Guernsey;GN Guinea;GW Guinea-Bissau;GY Guyana;HT Haiti;\
    HM Heard Island and McDonald Islands;HN Honduras;HK Hong Kong;HU Hungary;IS Iceland;IN India;\
    ID Indonesia;IR Iran;IQ Iraq;IE Ireland;IM Isle of Man;IL Israel;IT Italy;JM Jamaica;JP Japan;JE Jersey;\
    JO Jordan;KZ Kazakhstan;KE Kenya;KI Kiribati;KW Kuwait;KG Kyrgyzstan;LA Laos;LV Latvia;LB Lebanon;\
    LS Lesotho;LR Liberia;LY Libya;LI Liechtenstein;LT Lithuania;LU Luxembourg;MO Macau;MG Madagascar;\
    MW Malawi;MY Malaysia;MV Maldives;ML Mali;MT Malta;MH Marshall Islands;MQ Martinique;MR Mauritania;\
    MU Mauritius;YT Mayotte;MX Mexico;FM Micronesia;MD Moldova;MC Monaco;MN Mongolia;ME Montenegro;\
    MS Montserrat;MA Morocco;MZ Mozambique;MM Myanmar;NA Namibia;NR Nauru;NP Nepal;NL Netherlands;\
    NC New Caledonia;NZ New Zealand;NI Nicaragua;NE Niger;NG Nigeria;NU Niue;NF Norfolk Island;\
    KP North Korea;MK North Macedonia;MP Northern Mariana Islands;NO Norway;OM Oman;PK Pakistan;PW Palau;\
    PS Palestine;PA Panama;PG Papua New Guinea;PY Paraguay;PE Peru;PH Philippines;PN Pitcairn;PL Poland;\
    PT Portugal;PR Puerto Rico;QA Qatar;CG Republic of the Congo;RO Romania;RU Russia;RW Rwanda;RE Réunion;\
    BL Saint Barthelemy;SH Saint Helena;KN Saint Kitts and Nevis;LC Saint Lucia;MF Saint Martin;\
    PM Saint Pierre and Miquelon;VC Saint Vincent;WS Samoa;SM San Marino;ST Sao Tome and Principe;\
    SA Saudi Arabia;SN Senegal;RS Serbia;SC Seychelles;SL Sierra Leone;SG Singapore;SX Sint Maarten;\
    SK Slovakia;SI Slovenia;SB Solomon Islands;SO Somalia;ZA South Africa;\
    GS South Georgia and the South Sandwich Islands;KR South Korea;SS South Sudan;ES Spain;LK Sri Lanka;\
    SD Sudan;SR Suriname;SJ Svalbard and Jan Mayen;SE Sweden;CH Switzerland;SY Syria;TW Taiwan;TJ Tajikistan;\
    TZ Tanzania;TH Thailand;TG Togo;TK Tokelau;TO Tonga;TT Trinidad and Tobago;TN Tunisia;TR Turkey;\
    TM Turkmenistan;TC Turks and Caicos Is;TV Tuvalu;UM U.S. Outlying Islands;VI U.S. Virgin Islands;\
    UG Uganda;UA Ukraine;AE United Arab Emirates;GB United Kingdom;US United States;UY Uruguay;UZ Uzbekistan;\
    VU Vanuatu;VA Vatican City;VE Venezuela;VN Vietnam;WF Wallis and Futuna;EH Western Sahara;YE Yemen;\
    ZM Zambia;ZW Zimbabwe;AX Åland Islands";

/// List the orders that a search by view can have
#[utoipa::path(get, path = "/api/{session}/channels/search/views", tag = "channels",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The orders", body = Vec<ChannelView>), Failures))]
async fn views(
    State(api): State<Api>,
    Path(session): Path<String>,
) -> Result<Json<Vec<ChannelView>>, ApiError> {
    api.session(&session).await?;
    let view = |(value, name): (&str, &str)| ChannelView { value: value.to_owned(), name: name.to_owned() };
    Ok(Json(VIEWS.into_iter().map(view).collect()))
}

/// List the countries that a search by view can name
#[utoipa::path(get, path = "/api/{session}/channels/search/countries", tag = "channels",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The countries", body = Vec<ChannelCountry>), Failures))]
async fn countries(
    State(api): State<Api>,
    Path(session): Path<String>,
) -> Result<Json<Vec<ChannelCountry>>, ApiError> {
    api.session(&session).await?;
    let country =
        |(code, name): (&str, &str)| ChannelCountry { code: code.to_owned(), name: name.to_owned() };
    Ok(Json(COUNTRIES.split(';').filter_map(|pair| pair.split_once(' ')).map(country).collect()))
}

/// List the fields that searches can name
#[utoipa::path(get, path = "/api/{session}/channels/search/categories", tag = "channels",
    params(("session" = String, Path, description = "Name of the session")),
    responses((status = 200, description = "The fields", body = Vec<ChannelCategory>), Failures))]
async fn categories(
    State(api): State<Api>,
    Path(session): Path<String>,
) -> Result<Json<Vec<ChannelCategory>>, ApiError> {
    api.session(&session).await?;
    let category =
        |(value, name): (&str, &str)| ChannelCategory { value: value.to_owned(), name: name.to_owned() };
    Ok(Json(CATEGORIES.into_iter().map(category).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_has_a_code_and_a_name() {
        let all: Vec<_> = COUNTRIES.split(';').map(|pair| pair.split_once(' ').unwrap()).collect();
        assert_eq!(all.len(), 249);
        assert!(all.contains(&("US", "United States")) && all.contains(&("ID", "Indonesia")));
        assert!(all.iter().all(|(code, name)| code.len() == 2 && !name.starts_with(' ')), "{all:?}");
    }
}
